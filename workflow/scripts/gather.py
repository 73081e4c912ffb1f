"""Gather the fitted labels into one dataset; the only writer of that store."""

import json
from pathlib import Path

from densnet.basis import AuxiliaryBasis
from densnet.config import Labels
from densnet.dataset import gather
from densnet.prior import FreeAtoms
from densnet.workflow import by_length, job

with job(snakemake):
    gather(
        by_length(snakemake.input.fits),
        Path(snakemake.output[0]),
        AuxiliaryBasis.load(snakemake.input.basis),
        FreeAtoms.load(snakemake.input.atoms),
        meta={
            "name": snakemake.params.name,
            "study": snakemake.params.settings,
            "floor": json.loads(Path(snakemake.input.floor).read_text()),
        },
        failed=by_length(snakemake.input.failed),
        labels=Labels(**snakemake.params.labels),
    )
