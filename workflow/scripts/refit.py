"""Fit the densities of a dataset again, in the auxiliary basis and against the prior of a variant."""

from pathlib import Path

from densnet.config import Basis, Labels, Reference
from densnet.reference.refit import refit
from densnet.workflow import job

with job(snakemake):
    refit(
        Path(snakemake.input.dataset),
        Reference(**snakemake.params.reference),
        Basis(**snakemake.params.basis),
        Labels(**snakemake.params.labels),
        Path(snakemake.output[0]),
    )
