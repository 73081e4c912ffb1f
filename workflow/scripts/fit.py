"""Fit the densities of one chunk of labelled frames in the auxiliary basis."""

from densnet.basis import AuxiliaryBasis
from densnet.config import Reference
from densnet.prior import FreeAtoms
from densnet.reference.fits import fit_labels
from densnet.workflow import job

with job(snakemake):
    fit_labels(
        snakemake.input.labels,
        Reference(**snakemake.params.reference),
        AuxiliaryBasis.load(snakemake.input.basis),
        FreeAtoms.load(snakemake.input.atoms),
        out=snakemake.output[0],
        keep_densities=snakemake.params.keep_densities,
    )
