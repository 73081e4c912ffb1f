"""Train the density network on, on the DFT densities of its training frames."""

from pathlib import Path

from densnet.config import GridTraining, Reference
from densnet.training import train_grid
from densnet.workflow import job, task

if __name__ == "__main__":  # training in several processes imports this file in each
    with job(snakemake):
        train_grid(
            task(snakemake, "train_grid"),
            Path(snakemake.input.density),
            Reference(**snakemake.params.reference),
            GridTraining(**snakemake.params.training),
        )
