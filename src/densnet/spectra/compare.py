"""How alike two spectra are: numbers on a common grid at a stated line width, and modes matched one to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from densnet.spectra.harmonic import Modes

Array = NDArray[np.float64]

FLOOR = 1e-10
"""Smallest share of a spectrum in one bin when its logarithm is taken."""
WINDOW = 60.0
"""cm^-1 within which two peaks may be the same."""


def compare(grid: ArrayLike, candidate: ArrayLike, reference: ArrayLike) -> dict[str, float | int | None]:
    """Return every measure of ``candidate`` against ``reference``, both (G,) on the uniform ``grid`` (cm^-1)."""
    grid, candidate, reference = (np.asarray(values, float) for values in (grid, candidate, reference))
    ours, theirs = (grid[peaks(grid, curve)] for curve in (candidate, reference))
    return {
        "pearson": pearson(candidate, reference),
        "spectral_information_similarity": spectral_information_similarity(grid, candidate, reference),
        "earth_movers_distance_cm": earth_movers_distance(grid, candidate, reference),
        **matched_peaks(match(ours, theirs), theirs),
        "area_ratio": float(np.trapezoid(candidate, grid) / np.trapezoid(reference, grid)),
    }


def pearson(candidate: ArrayLike, reference: ArrayLike) -> float:
    """Return the Pearson correlation of two curves."""
    return float(np.corrcoef(candidate, reference)[0, 1])


def spectral_information_similarity(
    grid: ArrayLike, candidate: ArrayLike, reference: ArrayLike, sigma: float = 10.0
) -> float:
    """Return 1 / (1 + spectral information divergence), 1 for equal shapes.

    Both curves are spread by a Gaussian of ``sigma`` cm^-1 and normalised, after McGill, Forsuelo, Guan and Green,
    J. Chem. Inf. Model. 61, 2594 (2021).
    """
    step = np.diff(np.asarray(grid, float)[:2])[0]
    spread = (scipy.ndimage.gaussian_filter1d(np.asarray(x, float), sigma / step) for x in (candidate, reference))
    first, second = (np.maximum(curve / curve.sum(), FLOOR) for curve in spread)
    return float(1 / (1 + np.sum((first - second) * np.log(first / second))))


def earth_movers_distance(grid: ArrayLike, candidate: ArrayLike, reference: ArrayLike) -> float:
    """Return how far (cm^-1) unit area must travel on average to turn one curve's shape into the other's."""
    positive = [np.maximum(np.asarray(curve, float), 0) for curve in (candidate, reference)]
    return float(scipy.stats.wasserstein_distance(grid, grid, *positive))


def peaks(grid: ArrayLike, curve: ArrayLike, prominence: float = 0.03) -> NDArray[np.intp]:
    """Return the indices of maxima that stand out by the share ``prominence`` of the highest point."""
    curve = np.asarray(curve, float)
    return scipy.signal.find_peaks(curve, prominence=prominence * curve.max())[0]


def match(candidates: ArrayLike, references: ArrayLike, window: float = WINDOW) -> Array:
    """Return pairs (M, 2) of positions (cm^-1) less than ``window`` apart, one to one and close on the whole."""
    candidates, references = (np.asarray(positions, float) for positions in (candidates, references))
    distance = np.abs(candidates[:, None] - references[None])
    rows, columns = scipy.optimize.linear_sum_assignment(np.minimum(distance, window))
    found = distance[rows, columns] < window
    return np.stack([candidates[rows], references[columns]], axis=1)[found]


def matched_peaks(pairs: Array, references: Array) -> dict[str, float | int | None]:
    """Return the mean absolute shift (cm^-1) of matched pairs, their number, and that of the references."""
    return {
        "matched_peak_mae_cm": float(np.abs(pairs[:, 0] - pairs[:, 1]).mean()) if len(pairs) else None,
        "matched_peaks": len(pairs),
        "reference_peaks": len(references),
    }


def peak_table(grid: ArrayLike, curve: ArrayLike, error: ArrayLike | None = None) -> list[dict[str, float | None]]:
    """Return position (cm^-1), height and its standard error (km/mol per cm^-1, or None) of every peak."""
    grid, curve = np.asarray(grid, float), np.asarray(curve, float)
    return [
        {
            "position": float(grid[i]),
            "height": float(curve[i]),
            "standard_error": None if error is None else float(np.asarray(error)[i]),
        }
        for i in peaks(grid, curve)
    ]


def compare_modes(
    candidate: Modes,
    candidate_positions: ArrayLike,
    reference: Modes,
    reference_positions: ArrayLike,
    masses: ArrayLike,
) -> dict[str, Any]:
    """Match each reference mode with the candidate's mode of largest overlap and compare frequencies and intensities.

    The reference may hold fewer modes than the candidate (tracked ones). Structures are superposed first.

    Returns
    -------
    dict
        ``pairs`` (list of [candidate index, reference index, squared overlap]), ``frequency_mae_cm``, the same weighted
        by the reference intensities, ``intensity_mae_km_mol`` and ``intensity_pearson`` (None for fewer than 3 modes).
    """
    turn = superpose(candidate_positions, reference_positions, masses)
    ours = (candidate.vectors @ turn).reshape(len(candidate.vectors), -1)
    overlap = (ours @ reference.vectors.reshape(len(reference.vectors), -1).T) ** 2
    rows, columns = scipy.optimize.linear_sum_assignment(-overlap)
    shift = np.abs(candidate.frequencies[rows] - reference.frequencies[columns])
    first, second = candidate.intensities[rows], reference.intensities[columns]
    return {
        "pairs": [[int(i), int(j), round(float(overlap[i, j]), 4)] for i, j in zip(rows, columns, strict=True)],
        "frequency_mae_cm": float(shift.mean()),
        "frequency_mae_weighted_cm": float(np.average(shift, weights=second)),
        "intensity_mae_km_mol": float(np.abs(first - second).mean()),
        "intensity_pearson": pearson(first, second) if len(first) > 2 else None,
    }


def superpose(positions: ArrayLike, reference: ArrayLike, masses: ArrayLike) -> Array:
    """Return the rotation Q (3, 3) for which ``positions @ Q`` lies best on ``reference`` (Kabsch)."""
    first, second = (
        np.asarray(x, float) - np.average(x, axis=0, weights=np.asarray(masses, float)) for x in (positions, reference)
    )
    left, _, right = np.linalg.svd((first * np.asarray(masses, float)[:, None]).T @ second)
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return left @ handed @ right
