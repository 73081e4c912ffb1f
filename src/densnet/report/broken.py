"""An axis of wavenumbers that leaves out its widest silent region."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

Array = NDArray[np.float64]

SILENT = 0.02
"""A region in which no curve reaches this share of its maximum may be left out of the figure ..."""
GAP = 500.0
"""... when it is wider than this, cm^-1."""
FEW_TICKS = 8000.0
"""cm^-1, beyond any vibration; an axis that is longer has its ticks where Matplotlib puts them."""
MARGIN = 60.0
"""cm^-1 that are shown beyond the last visible point."""


def windows(grid: Array, curves: Sequence[Array]) -> list[tuple[float, float]]:
    """Return the parts of the axis (cm^-1) that are drawn: all of it, or both sides of its widest silent region."""
    whole = [(float(grid[0]), float(grid[-1]))]
    loud = np.flatnonzero(np.any([curve > SILENT * curve.max() for curve in curves], axis=0))
    if len(loud) < 2:
        return whole
    widest = int(np.argmax(np.diff(loud)))
    low, high = grid[loud[widest]], grid[loud[widest + 1]]
    if high - low < GAP:
        return whole
    return [(grid[0], low + MARGIN), (high - MARGIN, min(grid[-1], grid[loud[-1]] + MARGIN))]


def shown(grid: Array, part: tuple[float, float]) -> slice:
    """Return the points of the grid that a part of the axis shows; a figure need not hold the others."""
    low, high = np.searchsorted(grid, part)
    return slice(max(low - 1, 0), high + 1)


def join(row: NDArray[Any], limits: Sequence[tuple[float, float]]) -> None:
    """Give the panels of a row their parts of the axis, and mark that it goes on in the panel beside."""
    for axis, part in zip(row, limits, strict=True):
        axis.set_xlim(part)
        if limits[-1][1] < FEW_TICKS:
            axis.xaxis.set_major_locator(MultipleLocator(200))
    slash = {"marker": [(-1, -2), (1, 2)], "markersize": 5, "linestyle": "none", "color": "k", "clip_on": False}
    for left, right in pairwise(row):
        right.spines["left"].set_visible(False)
        right.tick_params(left=False)
        left.plot([1], [0], transform=left.transAxes, **slash)
        right.plot([0], [0], transform=right.transAxes, **slash)
