"""Train both networks on together."""

from pathlib import Path

from densnet.config import JointTraining
from densnet.training import train_joint
from densnet.workflow import job, task

if __name__ == "__main__":  # training in several processes imports this file in each
    with job(snakemake):
        train_joint(
            task(snakemake, "train_joint"), Path(snakemake.input.model), JointTraining(**snakemake.params.training)
        )
