"""Train the density network on, on the DFT densities of its training frames."""

from pathlib import Path

import torch

from densnet.config import GridTraining, Reference
from densnet.provenance import seed
from densnet.training.grid import train_grid
from densnet.workflow import job

if __name__ == "__main__":  # training in several processes imports this file in each
    asked = snakemake.resources.get("gpu", 0)

    with job(snakemake):
        train_grid(
            Path(snakemake.input.dataset),
            Path(snakemake.input.density),
            Reference(**snakemake.params.reference),
            GridTraining(**snakemake.params.training),
            seed=seed(snakemake.params.seed, "train_grid"),  # for variants of the study too
            out=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            device="cuda" if asked and torch.cuda.is_available() else "cpu",
            train_frames=snakemake.params.get("train_frames"),
        )
