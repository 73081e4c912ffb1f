"""Draw the spectra and vibrational densities of states of all chain lengths, tabulate them, measure their likeness."""

from pathlib import Path

from densnet.config import Molecule
from densnet.report.spectra import spectra_figure
from densnet.report.vdos import vdos_figure
from densnet.spectra.experiment import lines_of
from densnet.workflow import job

with job(snakemake):
    found, name = snakemake.input, snakemake.params.molecule["name"]
    spectra_figure(
        found.infrared,
        found.model,
        found.get("dft", []),
        found.get("aimd", []),
        Path(snakemake.output.figure),
        Path(snakemake.output.metrics),
        name,
        lines_of(Molecule(**snakemake.params.molecule)),
        found.get("twins", []),
    )
    vdos_figure(found.infrared, Path(snakemake.output.states), name)
