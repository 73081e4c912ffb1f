"""Put a model among those that ship with the project: its file, and the table of all."""

from pathlib import Path

from densnet.report.models import add
from densnet.workflow import job

with job(snakemake):
    given = snakemake.params
    add(Path(snakemake.input.model), Path(given.folder), given.settings, given.name)
