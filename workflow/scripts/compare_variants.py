"""Tabulate the errors of the study and of its variants."""

from pathlib import Path

from densnet.report.variants import read_all, write_variants
from densnet.workflow import job

with job(snakemake):
    found = read_all(snakemake.input.study, snakemake.params.variants, snakemake.input.variants)
    write_variants(found, Path(snakemake.output.table), snakemake.params.name)
