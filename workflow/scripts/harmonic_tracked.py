"""Compute the DFT harmonic spectrum of a chain in the space of the model's infrared-active modes."""

import shutil
from functools import partial
from pathlib import Path

from densnet.config import Harmonic, Reference
from densnet.dynamics.vibrations import modes_at
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.reference.harmonic import tracked_spectrum
from densnet.spectra.harmonic import read, write
from densnet.workflow import job

with job(snakemake):
    out = Path(snakemake.output[0])
    unfinished = out.with_suffix(".part")
    spectrum = tracked_spectrum(
        read(snakemake.input.modes),
        partial(modes_at, DenSNet.load(snakemake.input.model)),
        Reference(**snakemake.params.reference),
        Harmonic(**snakemake.params.harmonic),
        unfinished,
        length=int(snakemake.wildcards.length),
        provenance=provenance(modes=sha256(snakemake.input.modes)),
    )
    write(out, spectrum)
    shutil.rmtree(unfinished, ignore_errors=True)
