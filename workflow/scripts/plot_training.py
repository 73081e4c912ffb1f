"""Draw the loss curves of both networks, and the floor of the auxiliary basis against its size."""

from pathlib import Path

from densnet.report.figures import floor_figure, training_figure
from densnet.workflow import job

with job(snakemake):
    training_figure(Path(snakemake.input.density), Path(snakemake.input.energy), Path(snakemake.output.training))
    floor_figure(Path(snakemake.input.floor), Path(snakemake.output.basis), snakemake.params.name)
