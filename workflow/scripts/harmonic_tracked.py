"""Compute the DFT harmonic spectrum of a chain in the space of the model's infrared-active modes."""

import shutil
from functools import partial
from pathlib import Path

import ase.io

from densnet.config import Harmonic
from densnet.dynamics.vibrations import modes_at
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.reference.harmonic import tracked_spectrum
from densnet.spectra.harmonic import write
from densnet.workflow import job, reference

if __name__ == "__main__":  # processes of displacements import this file
    with job(snakemake):
        out = Path(snakemake.output[0])
        unfinished = out.with_suffix(".part")
        spectrum = tracked_spectrum(
            ase.io.read(snakemake.input.minimum),
            partial(modes_at, DenSNet.load(snakemake.input.model)),
            reference(snakemake),
            Harmonic(**snakemake.params.harmonic),
            unfinished,
            snakemake.threads,
            length=int(snakemake.wildcards.length),
            provenance=provenance(model=sha256(snakemake.input.model), minimum=sha256(snakemake.input.minimum)),
        )
        write(out, spectrum)
        shutil.rmtree(unfinished, ignore_errors=True)
