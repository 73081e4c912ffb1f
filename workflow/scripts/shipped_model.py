"""Take the model that ships with the project in the place of training one."""

from pathlib import Path

from densnet.shipped_models import fetch
from densnet.workflow import job

with job(snakemake):
    fetch(Path(snakemake.params.path), Path(snakemake.output[0]))
