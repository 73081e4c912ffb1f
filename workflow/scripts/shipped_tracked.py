"""Take a tracked spectrum that ships with the project, and hold the study's model against the modes that it has."""

from pathlib import Path

from densnet.dynamics.vibrations import modes_at
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.spectra.harmonic import write
from densnet.spectra.shipped import read, taken
from densnet.spectra.tracked import beside, structure
from densnet.workflow import job

with job(snakemake):
    spectrum = taken(read(Path(snakemake.params.path)))
    model = DenSNet.load(snakemake.input.model)
    found = beside(spectrum, modes_at(model, structure(spectrum)))
    found["provenance"] = found.get("provenance", {}) | {"beside_model": sha256(snakemake.input.model)}
    write(Path(snakemake.output[0]), found)
