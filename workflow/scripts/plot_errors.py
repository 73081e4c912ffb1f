"""Draw the errors on the test frames, and write them as a table."""

from pathlib import Path

from densnet.report import evaluation
from densnet.report.figures import lengths_figure, parity_figure
from densnet.report.tables import write_errors
from densnet.workflow import job

with job(snakemake):
    errors = evaluation.read(snakemake.input.evaluation)
    name = snakemake.params.name
    parity_figure(errors, Path(snakemake.output.parity), name)
    lengths_figure(errors, Path(snakemake.output.lengths), name)
    write_errors(errors, Path(snakemake.output.table), name)
