"""Train the energy network on the predicted density, and write both networks as one model."""

from pathlib import Path

from densnet.config import EnergyNetworkSettings, EnergyTraining
from densnet.training import train_energy
from densnet.workflow import job, task

if __name__ == "__main__":  # training in several processes imports this file in each
    with job(snakemake):
        train_energy(
            task(snakemake, "train_energy"),
            Path(snakemake.input.density),
            EnergyNetworkSettings(**snakemake.params.network),
            EnergyTraining(**snakemake.params.training),
        )
