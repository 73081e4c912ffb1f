"""Label one chunk of frames: energy, forces, dipole and the fitted density difference of each."""

import ase.io

from densnet.basis import AuxiliaryBasis
from densnet.config import Reference
from densnet.prior import FreeAtoms
from densnet.reference.labels import label
from densnet.workflow import job

with job(snakemake):
    size = snakemake.params.frames
    first = int(snakemake.wildcards.chunk) * size
    label(
        ase.io.read(snakemake.input.frames, index=f"{first}:{first + size}"),
        Reference(**snakemake.params.reference),
        AuxiliaryBasis.load(snakemake.input.basis),
        FreeAtoms.load(snakemake.input.atoms),
        out=snakemake.output.labels,
        failed=snakemake.output.failed,
    )
