"""Draw the errors of the study and of its variants with fewer training frames against the number of these."""

from pathlib import Path

from densnet.report.variants import learning_figure, read_all
from densnet.workflow import job

with job(snakemake):
    found = read_all(snakemake.input.study, snakemake.params.variants, snakemake.input.variants)
    learning_figure(found, Path(snakemake.output[0]), snakemake.params.name)
