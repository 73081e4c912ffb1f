"""Label one chunk of frames: energy, forces, dipole and density matrix of each."""

import ase.io

from densnet.reference.labels import label
from densnet.workflow import job, reference

with job(snakemake):
    size = snakemake.params.frames
    first = int(snakemake.wildcards.chunk) * size
    label(
        ase.io.read(snakemake.input.frames, index=f"{first}:{first + size}"),
        reference(snakemake),
        out=snakemake.output.labels,
        failed=snakemake.output.failed,
    )
