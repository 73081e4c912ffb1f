"""How good the labels of a study are, frame by frame and by split."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from densnet.config import SPLITS
from densnet.dataset import Dataset
from densnet.files import atomic
from densnet.frames import FrameSet
from densnet.report.style import names
from densnet.report.tables import markdown

PER_FRAME = ("prior_error", "floor_error", "charge_error", "dipole_error", "condition")


def labels_table(dataset: Dataset, molecule: str = "molecule") -> str:
    """Return the quality of the labels, one row for each chain length and split, and a line about the columns."""
    header = [
        "molecule", "split", "frames", "from AIMD %", "functions", "prior %", "floor %", "worst floor %", "charge e",
        "dipole D", "condition", "overlap Å",
    ]  # fmt: skip
    called, train = names(dataset.lengths, molecule), dict(dataset.of("train"))
    rows = []
    for length in dataset.lengths:
        for split in SPLITS:
            if len(frames := dataset[length].select(split)):
                rows.append([called[length], split, *_cells(frames, dataset, train.get(length), split)])
    return markdown(header, rows) + "\n" + EXPLANATION


EXPLANATION = (
    "Densities are integrated absolute differences to DFT on a Becke grid, percent of the electrons: of the prior, "
    "and of the fit (floor). Charge and dipole: largest errors of the fit. Condition: largest condition number "
    "of the Coulomb metric of normalised functions. Overlap: median over frames of the smallest root-mean-square "
    "distance to a training frame, over permutations of equal atoms.\n"
)


def _cells(frames: FrameSet, dataset: Dataset, train: FrameSet | None, split: str) -> list[str]:
    return [
        str(len(frames)),
        f"{100 * aimd_share(frames, dataset):.0f}",
        str(frames.coefficients.shape[1]),
        f"{frames.prior_error.mean():.2f}",
        f"{frames.floor_error.mean():.3f}",
        f"{frames.floor_error.max():.3f}",
        f"{np.abs(frames.charge_error).max():.0e}",
        f"{frames.dipole_error.max():.0e}",
        f"{frames.condition.max():.0e}",
        "–" if split == "train" or train is None else f"{_overlap(train, frames):.2f}",
    ]


def aimd_share(frames: FrameSet, dataset: Dataset) -> float:
    """Return the share of frames that come from ab initio dynamics; the others come from GFN2-xTB."""
    campaigns = dataset.meta["study"]["sampling"]
    return sum(campaigns[name.split("/")[0]]["method"] == "aimd" for name in frames.names) / len(frames)


def _overlap(train: FrameSet, frames: FrameSet) -> float:
    from densnet.reference.overlap import overlap

    return overlap(train.positions, frames.positions, list(frames.symbols))


def write_labels(dataset: Dataset, out: Path, molecule: str = "molecule") -> None:
    """Write the table of the labels as Markdown, and the numbers of every frame beside it as CSV."""
    with atomic(out) as temporary:
        temporary.write_text(labels_table(dataset, molecule))
    with atomic(out.with_suffix(".csv")) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "split", "frame", *PER_FRAME])
        for length in dataset.lengths:
            frames = dataset[length]
            for index, name in enumerate(frames.names):
                numbers = [f"{getattr(frames, column)[index]:.6g}" for column in PER_FRAME]
                writer.writerow([length, SPLITS[frames.split[index]], name, *numbers])
