"""Take a tracked spectrum that ships with the project, and hold the study's model against it in its space."""

from pathlib import Path

from densnet.dynamics.calculator import DenSNetCalculator
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.spectra.harmonic import write
from densnet.spectra.shipped import read, taken
from densnet.spectra.tracked import beside, structure
from densnet.workflow import job

with job(snakemake):
    spectrum = taken(read(Path(snakemake.params.path)))
    calculator, minimum = DenSNetCalculator(DenSNet.load(snakemake.input.model)), structure(spectrum)
    found = beside(spectrum, calculator.get_hessian(minimum), calculator.get_dipole_derivatives(minimum))
    found["provenance"] = found.get("provenance", {}) | {"beside_model": sha256(snakemake.input.model)}
    write(Path(snakemake.output[0]), found)
