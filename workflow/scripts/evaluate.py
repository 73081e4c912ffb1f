"""Compare the model with every labelled frame: density, dipole, energy and forces."""

from pathlib import Path

from densnet.config import Reference
from densnet.report.evaluation import evaluate
from densnet.workflow import job

with job(snakemake):
    evaluate(
        Path(snakemake.input.dataset),
        Path(snakemake.input.model),
        Reference(**snakemake.params.reference),
        Path(snakemake.output[0]),
        snakemake.params.get("train_frames"),
    )
