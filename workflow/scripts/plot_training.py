"""Draw the loss curves of both networks."""

from pathlib import Path

from densnet.report.figures import training_figure
from densnet.workflow import job

with job(snakemake):
    training_figure(Path(snakemake.input.density), Path(snakemake.input.energy), Path(snakemake.output[0]))
