"""Put the errors on the test frames into the model's file."""

from pathlib import Path

from densnet.report.packing import pack
from densnet.workflow import job

with job(snakemake):
    pack(Path(snakemake.input.model), Path(snakemake.input.evaluation), Path(snakemake.output[0]))
