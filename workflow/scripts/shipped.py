"""Take the reference set that ships with the project for the study's labels."""

from pathlib import Path

from densnet.config import Labels
from densnet.shipped import fetch
from densnet.workflow import job

with job(snakemake):
    fetch(Path(snakemake.params.path), Path(snakemake.output[0]), Labels(**snakemake.params.labels))
