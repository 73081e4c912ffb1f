"""Draw the spectra of all chain lengths, and measure how alike they are."""

from pathlib import Path

from densnet.config import Spectra
from densnet.report.spectra import spectra_figure
from densnet.workflow import job

with job(snakemake):
    spectra_figure(
        snakemake.input.infrared,
        snakemake.input.model,
        snakemake.input.get("dft", []),
        Spectra(**snakemake.params.spectra),
        Path(snakemake.output.figure),
        Path(snakemake.output.metrics),
        snakemake.params.name,
    )
