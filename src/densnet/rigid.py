"""Rigid motions of a molecule, and what is left without them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def vibrational_space(positions: ArrayLike, masses: ArrayLike) -> Array:
    """Return an orthonormal basis of the internal motions in mass-weighted coordinates.

    Parameters
    ----------
    positions
        (A, 3) Å.
    masses
        (A,) u.

    Returns
    -------
    (3A, 3A - 6) array, or (3A, 3A - 5) for a linear molecule.
    """
    masses = np.asarray(masses, float)
    centred = np.asarray(positions, float) - np.average(positions, axis=0, weights=masses)
    shifts = np.broadcast_to(np.eye(3)[:, None, :], (3, len(masses), 3))
    turns = np.cross(np.eye(3)[:, None, :], centred[None])
    rigid = (np.concatenate([shifts, turns]) * np.sqrt(masses)[None, :, None]).reshape(6, -1)
    left, singular, _ = np.linalg.svd(rigid.T, full_matrices=True)
    return left[:, int(np.sum(singular > 1e-6 * singular[0])) :]


def without_rigid_motion(positions: Array, velocities: Array, masses: Array) -> Array:
    """Return the velocities with zero linear and angular momentum."""
    weights = np.sqrt(masses)[:, None]
    space = vibrational_space(positions, masses)
    return (space @ (space.T @ (velocities * weights).ravel())).reshape(-1, 3) / weights
