"""How few natural functions hold a density: floor of the fit on unseen frames against the number of functions.

    python benchmarks/basis.py           # one thread: OMP_NUM_THREADS=1

Functions are contracted from training frames of the sets that ship and measured on test frames, both labelled here at
the level that is stated. The last row of each block is the set of primitives. Writes ``basis.md`` and ``basis.json``
beside this file.
"""

import json
from pathlib import Path

import numpy as np
from ase import Atoms
from tqdm import tqdm

from densnet.config import Basis, Reference
from densnet.dataset import Dataset
from densnet.files import atomic
from densnet.frames import FrameSet
from densnet.provenance import provenance
from densnet.reference import auxiliary, labels
from densnet.reference.atoms import PriorMatrices
from densnet.reference.contraction import Contraction, Equations
from densnet.reference.fits import Density
from densnet.reference.fitting import equations
from densnet.reference.natural import floor_point
from densnet.report.tables import level_name, markdown

HERE = Path(__file__).parent
SETS = HERE.parent / "data"
SVP = Reference(grid_level=2, device="cpu")
DIFFUSE = SVP.model_copy(update={"basis": "aug-cc-pVDZ", "coulomb_basis": "aug-cc-pVTZ-jkfit"})
PRIMITIVES = Basis(beta=2.0, enrich=True)
CASES = [("ethanol", SVP), ("ethanol", DIFFUSE), ("ethanethiol", SVP), ("polythiophene", SVP)]
"""Sets, of which the single molecule is taken, and levels."""
BEHIND, UNSEEN = 16, 6
"""Frames that the functions are contracted from, and frames that they are measured on."""
THRESHOLDS = (1e-2, 6e-3, 4e-3, 3e-3, 2e-3, 1e-3)


def densities(frames: FrameSet, count: int, reference: Reference) -> list[Density]:
    """Return the densities of some frames, evenly spread."""
    prior, known = PriorMatrices(list(frames.symbols), reference), []
    for k in tqdm(np.linspace(0, len(frames) - 1, count).astype(int), desc=level_name(reference.model_dump())):
        row = labels.label_frame(Atoms(frames.symbols, frames.positions[k]), reference)
        arrays = {name: row[name][None] for name in labels.ARRAYS}
        one = labels.LabelledFrames(frames.symbols, (frames.names[k],), **arrays)
        known.append(Density.of(one, 0, reference, prior))
    return known


def curve(name: str, reference: Reference) -> list[dict]:
    """Return functions, floor and condition number at each threshold, and for the primitives."""
    dataset = Dataset.open(SETS / f"{name}.zarr.zip")
    behind, held = (
        densities(dataset[1].select(split), count, reference) for split, count in (("train", BEHIND), ("test", UNSEEN))
    )
    symbols = list(dataset[1].symbols)
    full = auxiliary.build(symbols, reference, PRIMITIVES)
    found = Contraction(full, [Equations(tuple(symbols), *equations(known.mol, known.delta, full)) for known in behind])
    points = [floor_point(threshold, found.basis(threshold), {1: held}) for threshold in THRESHOLDS]
    return [*points, floor_point(None, full, {1: held})]


def main() -> None:
    """Measure all cases and write the tables."""
    if missing := {name for name, _ in CASES if not (SETS / f"{name}.zarr.zip").is_file()}:
        raise SystemExit(f"no reference set in data/: {', '.join(sorted(missing))}; make it with `snakemake ship`")
    found = {f"{name}, {level_name(reference.model_dump())}": curve(name, reference) for name, reference in CASES}
    rows = [
        [title, str(point["size"][1]), f"{point['floor'][1]:.3f}", f"{point['condition']:.0e}"]
        for title, points in found.items()
        for point in points
    ]
    table = markdown(["molecule and level", "functions", "floor %", "condition number"], rows)
    with atomic(HERE / "basis.md") as temporary:
        temporary.write_text(f"# Floor against size\n\n{__doc__}\n{table}")
    with atomic(HERE / "basis.json") as temporary:
        temporary.write_text(json.dumps({"curves": found, "provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
