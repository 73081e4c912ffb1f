"""Train both networks on together."""

from pathlib import Path

import torch

from densnet.config import JointTraining
from densnet.provenance import seed
from densnet.training.joint import train_joint
from densnet.workflow import job

if __name__ == "__main__":  # training in several processes imports this file in each
    asked = snakemake.resources.get("gpu", 0)

    with job(snakemake):
        train_joint(
            Path(snakemake.input.dataset),
            Path(snakemake.input.model),
            JointTraining(**snakemake.params.training),
            seed=seed(snakemake.params.seed, "train_joint"),  # for variants of the study too
            out=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            device="cuda" if asked and torch.cuda.is_available() else "cpu",
            train_frames=snakemake.params.get("train_frames"),
        )
