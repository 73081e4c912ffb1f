"""Train the density network: geometry to coefficients of the density difference."""

from pathlib import Path

import torch

from densnet.config import DensityNetworkSettings, DensityTraining
from densnet.provenance import seed
from densnet.training.density import train_density
from densnet.workflow import job

if __name__ == "__main__":  # training in several processes imports this file in each
    asked = snakemake.resources.get("gpu", 0)

    with job(snakemake):
        train_density(
            Path(snakemake.input.dataset),
            DensityNetworkSettings(**snakemake.params.network),
            DensityTraining(**snakemake.params.training),
            seed=seed(snakemake.params.seed, "train_density"),  # for variants of the study too
            out=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            device="cuda" if asked and torch.cuda.is_available() else "cpu",
            train_frames=snakemake.params.get("train_frames"),
        )
