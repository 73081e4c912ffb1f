"""Relax a chain with DFT and compute its harmonic infrared spectrum from the whole Hessian."""

import shutil
from pathlib import Path

from densnet.config import Harmonic, Molecule, Reference
from densnet.provenance import provenance
from densnet.reference.harmonic import full_spectrum
from densnet.spectra.harmonic import write
from densnet.systems import build
from densnet.workflow import job

with job(snakemake):
    length, out = int(snakemake.wildcards.length), Path(snakemake.output[0])
    unfinished = out.with_suffix(".part")
    spectrum = full_spectrum(
        build(Molecule(**snakemake.params.molecule), length, seed=snakemake.params.seed),
        Reference(**snakemake.params.reference),
        Harmonic(**snakemake.params.harmonic).displacement,
        unfinished,
        length=length,
        provenance=provenance(),
    )
    write(out, spectrum)
    shutil.rmtree(unfinished, ignore_errors=True)
