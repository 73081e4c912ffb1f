"""Compute the spherically averaged free atoms whose superposed densities are the prior."""

from densnet.config import Molecule, Reference
from densnet.reference.atoms import free_atoms
from densnet.systems import build
from densnet.workflow import job

with job(snakemake):
    symbols = sorted(set(build(Molecule(**snakemake.params.molecule), relax=False).get_chemical_symbols()))
    free_atoms(symbols, Reference(**snakemake.params.reference), snakemake.params.prior).save(snakemake.output[0])
