"""Relax a chain with DFT, from the model's minimum and Hessian where these are given."""

import shutil
from pathlib import Path

import ase.io
from ase import Atoms

from densnet.files import atomic
from densnet.reference.minimum import relax
from densnet.spectra.harmonic import hessian_of, modes_of, read
from densnet.workflow import job, reference

with job(snakemake):
    start, curvature = ase.io.read(snakemake.input.start, 0), None
    if snakemake.input.model:
        found = read(snakemake.input.model[0])
        start = Atoms(found["symbols"], found["positions"])
        curvature = hessian_of(modes_of(found), start.get_masses())
    unfinished = Path(snakemake.output[0]).with_suffix(".part")
    minimum = relax(start, reference(snakemake), unfinished, curvature)
    with atomic(snakemake.output[0]) as temporary:
        ase.io.write(temporary, minimum, format="traj")  # with energy and forces, and every digit
    shutil.rmtree(unfinished, ignore_errors=True)
