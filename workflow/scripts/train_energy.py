"""Train the energy network on the predicted density, and write both networks as one model."""

from pathlib import Path

import torch

from densnet.config import EnergyNetworkSettings, EnergyTraining
from densnet.provenance import seed
from densnet.training.energy import train_energy
from densnet.workflow import job

if __name__ == "__main__":  # training in several processes imports this file in each
    asked = snakemake.resources.get("gpu", 0)

    with job(snakemake):
        train_energy(
            Path(snakemake.input.dataset),
            Path(snakemake.input.density),
            EnergyNetworkSettings(**snakemake.params.network),
            EnergyTraining(**snakemake.params.training),
            seed=seed(snakemake.params.seed, "train_energy"),  # for variants of the study too
            out=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            device="cuda" if asked and torch.cuda.is_available() else "cpu",
            train_frames=snakemake.params.get("train_frames"),
        )
