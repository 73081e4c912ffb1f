"""Put a dataset among the reference sets that ship with the project: file, entry in the index, table of all."""

from pathlib import Path

from densnet.report.sets import add
from densnet.workflow import job

with job(snakemake):
    add(Path(snakemake.input.dataset), Path(snakemake.params.folder))
