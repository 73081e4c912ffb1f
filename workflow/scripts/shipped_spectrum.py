"""Take a reference spectrum that ships with the project."""

from pathlib import Path

from densnet.spectra.shipped import fetch
from densnet.workflow import job

with job(snakemake):
    fetch(Path(snakemake.params.path), Path(snakemake.output[0]))
