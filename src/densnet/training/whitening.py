r"""What the training frames say about the coefficients of an element: mean, principal components, variance.

For the functions of one element and one l the overlap S and the Coulomb integrals J do not depend on the geometry, so
:math:`c^T (J + w S) c` is a rotation-invariant length. The numbers the network gives are the principal components of
the training coefficients in it, each with unit variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from densnet.basis import AuxiliaryBasis
from densnet.frames import FrameSet

FLOOR = 1e-4
"""Smallest standard deviation of a whitened component, relative to the largest of its element and l."""


@dataclass(frozen=True)
class ElementStatistics:
    """What the training frames say about the coefficients of one element.

    Attributes
    ----------
    mean
        (size,), mean coefficients; zero for l > 0.
    matrix
        (size, size), ``c = mean + y @ matrix`` with y of unit variance.
    root
        (size, size), ``|d @ root|^2`` is the metric length of a difference d.
    variance
        Mean of ``|(c - mean) @ root|^2`` over atoms.
    """

    mean: np.ndarray
    matrix: np.ndarray
    root: np.ndarray
    variance: float


def statistics(
    frames: list[FrameSet], basis: AuxiliaryBasis, overlap_weight: float | None, floor: float = FLOOR
) -> dict[str, ElementStatistics]:
    """Return the statistics of every element of a basis over training frames.

    Parameters
    ----------
    frames
        Training frames.
    basis
        Auxiliary basis of their coefficients.
    overlap_weight
        Weight of the overlap beside the Coulomb metric; None: coefficients are compared as they are, by no metric.
    floor
        Smallest standard deviation that is whitened to one, relative to the largest of the element and l. Components
        that vary less come out smaller than one.
    """
    found = {}
    for symbol in basis.shells:
        rows = atomic_rows(frames, basis, symbol)
        found[symbol] = _element(symbol, rows, basis, overlap_weight, floor)
    return found


def atomic_rows(frames: list[FrameSet], basis: AuxiliaryBasis, symbol: str) -> np.ndarray:
    """Return the coefficients of every atom of one element, (atoms of all frames, size)."""
    rows = [np.zeros((0, basis.size(symbol)))]
    for frame_set in frames:
        starts = basis.offsets(frame_set.symbols)
        for atom, found in enumerate(frame_set.symbols):
            if found == symbol:
                rows.append(frame_set.coefficients[:, starts[atom] : starts[atom + 1]])
    return np.concatenate(rows)


def _element(
    symbol: str, rows: np.ndarray, basis: AuxiliaryBasis, overlap_weight: float | None, floor: float
) -> ElementStatistics:
    size = basis.size(symbol)
    mean, matrix, root = np.zeros(size), np.eye(size), np.zeros((size, size))
    start, variance = 0, 0.0
    for l, mul in basis.multiplicities(symbol).items():
        stop = start + mul * (2 * l + 1)
        block = slice(start, stop)
        cholesky = np.eye(mul)
        if overlap_weight is not None:
            cholesky = np.linalg.cholesky(basis.coulomb(symbol, l) + overlap_weight * basis.overlap(symbol, l))
        root[block, block] = np.kron(cholesky, np.eye(2 * l + 1))
        if len(rows):
            if l == 0:
                mean[block] = rows[:, block].mean(0)
            lengths = (rows[:, block] - mean[block]) @ root[block, block]
            shells = lengths.reshape(-1, mul, 2 * l + 1)
            values, vectors = np.linalg.eigh(np.einsum("nim,njm->ij", shells, shells) / (len(rows) * (2 * l + 1)))
            deviations = np.sqrt(np.maximum(values, floor**2 * values.max() + 1e-20))
            matrix[block, block] = np.kron((vectors * deviations).T @ np.linalg.inv(cholesky), np.eye(2 * l + 1))
            variance += float((lengths**2).sum() / len(rows))
        start = stop
    return ElementStatistics(mean, matrix, root, variance)
