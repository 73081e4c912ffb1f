"""Put the study's spectra among those that ship with the project: their files, and the table of all."""

from pathlib import Path

from densnet.report.reference_spectra import add
from densnet.workflow import job

with job(snakemake):
    results = Path(snakemake.output[0]).parent
    add(snakemake.params.name, results, snakemake.params.wanted, Path(snakemake.params.folder))
