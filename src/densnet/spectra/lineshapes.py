"""The line shape of every spectrum here: that of a Hann window, for trajectories by nature, for sticks by choice."""

from __future__ import annotations

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

HANN_BINS = 1.4405825801202718
"""Full width at half maximum of the power of a Hann window's transform, in bins of 1 / (length of the window)."""


def resolution(segment: float) -> float:
    """Return the full width at half maximum (cm^-1) that a Hann segment of ``segment`` ps gives a sharp line."""
    return HANN_BINS / (segment * 1e-12 * units._c * 100)


def segment_for(fwhm: float) -> float:
    """Return the length (ps) of the Hann segment that gives a sharp line the width ``fwhm`` (cm^-1)."""
    return HANN_BINS / (fwhm * 1e-12 * units._c * 100)


def hann_line(offset: ArrayLike, fwhm: float) -> Array:
    """Return the line a Hann-windowed power spectrum draws, per cm^-1, at ``offset`` (cm^-1) from its centre."""
    bins = np.asarray(offset, float) * HANN_BINS / fwhm
    # The transform is sinc(b) / (1 - b²), whose limit at b = ±1 is 1/2; its square has the area 3/2 in bins.
    near = np.abs(np.abs(bins) - 1) < 1e-6
    safe = np.where(near, 0.0, bins)
    amplitude = np.where(near, 0.5, np.sinc(safe) / (1 - safe**2))
    return amplitude**2 / 1.5 * HANN_BINS / fwhm


def broaden(positions: ArrayLike, heights: ArrayLike, grid: ArrayLike, fwhm: float) -> Array:
    """Draw sticks as lines of the Hann shape.

    Parameters
    ----------
    positions
        (K,) cm^-1.
    heights
        (K,) km/mol.
    grid
        (G,) cm^-1.
    fwhm
        Full width at half maximum, cm^-1.

    Returns
    -------
    (G,) absorption, km/mol per cm^-1.
    """
    offsets = np.asarray(grid, float)[:, None] - np.asarray(positions, float)[None]
    return hann_line(offsets, fwhm) @ np.asarray(heights, float)
