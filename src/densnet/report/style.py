"""The look of every figure, in one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from densnet.files import atomic

WIDTH = 7.0
"""Inches, two columns of a journal page."""

# Okabe and Ito's colours, told apart by all kinds of colour vision.
BLUE, ORANGE, GREEN, RED, SKY, PURPLE, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#777777",
)  # fmt: skip
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)

SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.05,
    "svg.hashsalt": "densnet",
    "svg.fonttype": "path",
}


def sequence(number: int) -> list[object]:
    """Return colours of an ordered series: those of the cycle, or of a map from dark to light where it has too few."""
    if number <= len(CYCLE):
        return list(CYCLE[:number])
    return [plt.get_cmap("viridis")(place / number) for place in range(number)]


@contextmanager
def figure(path: str | Path, rows: int = 1, columns: int = 1, *, height: float, **layout: object) -> Iterator[tuple]:
    """Yield a figure and its axes (always a 2-D array), and save it to ``path`` (SVG or PNG) at the end.

    Parameters
    ----------
    path
        Output; the suffix sets the format.
    rows, columns
        Panels.
    height
        Inches.
    layout
        For `matplotlib.pyplot.subplots`.
    """
    with plt.rc_context(SETTINGS):
        made, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, layout="constrained", **layout)
        try:
            yield made, axes
            _save(made, path)
        finally:
            plt.close(made)


def _save(made: Figure, path: str | Path) -> None:
    # Without a date the same data give the same file.
    metadata = {"Date": None} if Path(path).suffix == ".svg" else {}
    with atomic(path) as temporary:
        made.savefig(temporary, metadata=metadata)


def names(lengths: Iterable[int], molecule: str = "molecule") -> dict[int, str]:
    """Return the names of chain lengths shown together; a single molecule among no chains keeps its own name."""
    lengths = list(lengths)
    single = "monomer" if any(length > 1 for length in lengths) else molecule
    return {length: f"{length}-mer" if length > 1 else single for length in lengths}
