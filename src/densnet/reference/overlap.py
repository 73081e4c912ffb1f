"""How far frames are from each other, whichever way they are turned and their equal atoms are numbered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from densnet.reference.selection import distance_features

NEIGHBOURS = 20
"""Training frames, nearest in their sorted distances, to which a test frame is superposed."""


def overlap(train: np.ndarray, test: np.ndarray, symbols: Sequence[str]) -> float:
    """Return the median over test frames of the smallest RMSD to a training frame, Angstrom.

    Frames are superposed (proper and improper rotations) and equal atoms matched.

    Parameters
    ----------
    train, test
        Positions (frames, atoms, 3), Angstrom.
    symbols
        Chemical symbols of the atoms.
    """
    near = cdist(distance_features(test, symbols), distance_features(train, symbols)).argsort(axis=1)[:, :NEIGHBOURS]
    smallest = [min(rmsd(train[i], frame, symbols) for i in row) for row, frame in zip(near, test, strict=True)]
    return float(np.median(smallest))


def rmsd(a: np.ndarray, b: np.ndarray, symbols: Sequence[str]) -> float:
    """Return the RMSD of two structures (atoms, 3) after superposition and matching of equal atoms.

    Superposition and matching are repeated in turn from the given order and from the principal axes, with either
    sign of each axis; the smallest value is returned.
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    axes_a, axes_b = np.linalg.svd(a, full_matrices=False)[2], np.linalg.svd(b, full_matrices=False)[2]
    signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, -1).T
    turns = [_rotation(a, b), *((axes_b.T * sign) @ axes_a for sign in signs)]
    return min(_refine(a, b, turn, np.array(symbols)) for turn in turns)


def _refine(a: np.ndarray, b: np.ndarray, turn: np.ndarray, symbols: np.ndarray) -> float:
    order = np.arange(len(a))
    for _ in range(5):
        squares = cdist(a @ turn.T, b, "sqeuclidean")
        matched = linear_sum_assignment(squares + 1e6 * (symbols[:, None] != symbols))[1]
        turn = _rotation(a, b[matched])
        if (matched == order).all():
            break
        order = matched
    return float(np.sqrt(((a @ turn.T - b[order]) ** 2).sum(axis=1).mean()))


def _rotation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the orthogonal matrix that takes a to b best (Kabsch 1976), reflections allowed: labels follow them."""
    left, _, right = np.linalg.svd(b.T @ a)
    return left @ right
