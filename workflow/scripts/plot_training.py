"""Draw the loss curves of the networks."""

from pathlib import Path

from densnet.report.figures import training_figure
from densnet.workflow import job

with job(snakemake):
    histories = dict(zip(snakemake.params.titles, map(Path, snakemake.input.histories), strict=True))
    training_figure(histories, Path(snakemake.output[0]))
