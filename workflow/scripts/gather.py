"""Gather the labelled chunks into one dataset; the only writer of that store."""

from pathlib import Path

from densnet.basis import AuxiliaryBasis
from densnet.config import Labels
from densnet.dataset import gather
from densnet.prior import FreeAtoms
from densnet.workflow import job


def by_length(files: list[str]) -> dict[int, list[Path]]:
    """Return files of ``labels/<length>/`` by chain length."""
    found: dict[int, list[Path]] = {}
    for path in map(Path, files):
        found.setdefault(int(path.parent.name), []).append(path)
    return found


with job(snakemake):
    gather(
        by_length(snakemake.input.chunks),
        Path(snakemake.output[0]),
        AuxiliaryBasis.load(snakemake.input.basis),
        FreeAtoms.load(snakemake.input.atoms),
        meta={"study": dict(snakemake.params.items())},
        failed=by_length(snakemake.input.failed),
        labels=Labels(**snakemake.params.labels),
    )
