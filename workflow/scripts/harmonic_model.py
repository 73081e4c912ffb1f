"""Compute the model's harmonic infrared spectrum at its own minimum."""

import ase.io

from densnet.dynamics.vibrations import harmonic_spectrum
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.spectra.harmonic import write
from densnet.workflow import device_of, job

with job(snakemake):
    start, model = ase.io.read(snakemake.input.start, 0), DenSNet.load(snakemake.input.model, device_of(snakemake))
    source = provenance(model=sha256(snakemake.input.model))
    found = harmonic_spectrum(model, start, length=int(snakemake.wildcards.length), provenance=source)
    write(snakemake.output[0], found)
