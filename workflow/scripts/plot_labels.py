"""Draw the floor of the auxiliary basis against its size, and tabulate how good the labels are."""

from pathlib import Path

from densnet.dataset import Dataset
from densnet.report.figures import floor_figure
from densnet.report.labels import write_labels
from densnet.workflow import job

with job(snakemake):
    dataset = Dataset.open(snakemake.input.dataset)
    floor_figure(dataset.meta["floor"], Path(snakemake.output.basis), snakemake.params.name)
    write_labels(dataset, Path(snakemake.output.table), snakemake.params.name)
