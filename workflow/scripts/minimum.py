"""Relax a chain with DFT."""

import ase.io

from densnet.files import atomic
from densnet.reference.harmonic import relax
from densnet.workflow import job, reference

with job(snakemake):
    minimum = relax(ase.io.read(snakemake.input.start, 0), reference(snakemake))
    with atomic(snakemake.output[0]) as temporary:
        ase.io.write(temporary, minimum, format="traj")  # with energy and forces, and every digit
