r"""Real spherical harmonics in e3nn's order: the polar axis is y, so that l = 1 is x, y, z.

Written without e3nn, whose import brings PyTorch's compiler along and takes seconds; held against it in the tests.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y

Array = NDArray[np.float64]


def spherical_harmonics(l: int, directions: Array) -> Array:
    """Return the harmonics of one l with unit norm on the sphere, (points, 2 l + 1), for directions (points, 3)."""
    return about_z(l, directions[:, [2, 0, 1]])


def about_z(l: int, directions: Array) -> Array:
    """Return the same with z as the polar axis and m ascending, which is PySCF's order for l > 1."""
    x, y, z = directions.T
    polar, azimuth = np.arccos(z / np.linalg.norm(directions, axis=1)), np.arctan2(y, x)
    columns = []
    for m in range(-l, l + 1):
        values = (-1) ** m * np.sqrt(2) * sph_harm_y(l, abs(m), polar, azimuth)
        columns.append(values.imag if m < 0 else values.real if m > 0 else values.real / np.sqrt(2))
    return np.stack(columns, axis=1)


@cache
def coupling(l: int) -> Array:
    r"""Return the matrix C of the recursion :math:`Y_l = C\,(Y_{l-1} \otimes Y_1)`, shape ((2 l - 1) * 3, 2 l + 1).

    For harmonics with :math:`\sum_m Y_{lm}^2 = 2 l + 1` on the sphere. Of all matrices that fulfil it on random
    directions the one of smallest norm is the projection on l, which makes it hold for solid harmonics as well.
    """
    directions = np.random.default_rng(l).normal(size=(40 * l, 3))
    lower, first, wanted = (np.sqrt(4 * np.pi) * spherical_harmonics(k, directions) for k in (l - 1, 1, l))
    pairs = (lower[:, :, None] * first[:, None, :]).reshape(len(directions), -1)
    return np.linalg.lstsq(pairs, wanted, rcond=1e-8)[0]


def solid_harmonics(max_l: int, vectors: Array) -> list[Array]:
    """Return ``r^l Y_l`` for every l up to the highest, unit norm on the sphere, of vectors (points, 3)."""
    first = np.sqrt(3) * vectors
    shells = [np.ones((len(vectors), 1)), first]
    for l in range(2, max_l + 1):
        shells.append((shells[-1][:, :, None] * first[:, None, :]).reshape(len(vectors), -1) @ coupling(l))
    return [shell / np.sqrt(4 * np.pi) for shell in shells[: max_l + 1]]
