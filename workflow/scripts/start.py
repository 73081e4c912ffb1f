"""Build the start geometries of a chain length: its conformers, relaxed with GFN2-xTB."""

import ase.io

from densnet.config import Molecule
from densnet.files import atomic
from densnet.systems import conformers
from densnet.workflow import job

with job(snakemake):
    length = int(snakemake.wildcards.length)
    found = conformers(Molecule(**snakemake.params.molecule), length, seed=snakemake.params.seed)
    with atomic(snakemake.output[0]) as temporary:
        ase.io.write(temporary, found, format="extxyz")
