"""Train the density network: geometry to coefficients of the density difference."""

from densnet.config import DensityNetworkSettings, DensityTraining
from densnet.training import train_density
from densnet.workflow import job, task

if __name__ == "__main__":  # training in several processes imports this file in each
    with job(snakemake):
        train_density(
            task(snakemake, "train_density"),
            DensityNetworkSettings(**snakemake.params.network),
            DensityTraining(**snakemake.params.training),
        )
