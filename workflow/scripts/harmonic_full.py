"""Compute the DFT harmonic infrared spectrum of a chain from the whole Hessian."""

import shutil
from pathlib import Path

import ase.io

from densnet.config import Harmonic
from densnet.files import sha256
from densnet.provenance import provenance
from densnet.reference.harmonic import full_spectrum
from densnet.spectra.harmonic import write
from densnet.workflow import job, reference

if __name__ == "__main__":  # processes of displacements import this file
    with job(snakemake):
        out = Path(snakemake.output[0])
        unfinished = out.with_suffix(".part")
        spectrum = full_spectrum(
            ase.io.read(snakemake.input.minimum),
            reference(snakemake),
            Harmonic(**snakemake.params.harmonic),
            unfinished,
            snakemake.threads,
            length=int(snakemake.wildcards.length),
            provenance=provenance(minimum=sha256(snakemake.input.minimum)),
        )
        write(out, spectrum)
        shutil.rmtree(unfinished, ignore_errors=True)
