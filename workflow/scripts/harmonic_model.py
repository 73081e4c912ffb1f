"""Compute the model's harmonic infrared spectrum at its own minimum."""

from densnet.config import Molecule
from densnet.dynamics.vibrations import harmonic_spectrum
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.spectra.harmonic import write
from densnet.systems import build
from densnet.workflow import job

with job(snakemake):
    length = int(snakemake.wildcards.length)
    start = build(Molecule(**snakemake.params.molecule), length, seed=snakemake.params.seed)
    model, source = DenSNet.load(snakemake.input.model), provenance(model=sha256(snakemake.input.model))
    write(snakemake.output[0], harmonic_spectrum(model, start, length=length, provenance=source))
