"""Tracked spectra that outlive the model whose modes were tracked: others are held against them in their space."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from densnet.spectra.harmonic import Modes, intensities, normal_modes, wavenumbers


def structure(spectrum: dict[str, Any]) -> Atoms:
    """Return the minimum of a harmonic spectrum."""
    return Atoms(spectrum["symbols"], spectrum["positions"])


def beside(spectrum: dict[str, Any], hessian: ArrayLike, dipole_derivatives: ArrayLike) -> dict[str, Any]:
    """Return a tracked spectrum of DFT with what a model makes of the same space.

    Both are then Ritz vectors of one space. Those of the model whose modes were tracked are its modes.

    Parameters
    ----------
    spectrum
        Modes in the space of another model's active ones (`densnet.reference.harmonic.tracked_spectrum`), read from a
        file.
    hessian
        (3A, 3A), eV/Å², the model's, at the same minimum.
    dipole_derivatives
        (3A, 3), e, likewise.

    Returns
    -------
    dict
        The spectrum; ``model``, the model's modes within the space, and ``captured``, the share of its intensity there,
        take the place of the other's.
    """
    masses = structure(spectrum).get_masses()
    space = np.reshape(spectrum["modes"], (len(spectrum["modes"]), -1))
    weights = 1 / np.sqrt(np.repeat(masses, 3))
    inside = space @ (np.asarray(hessian) * weights[:, None] * weights) @ space.T
    values, rotation = np.linalg.eigh((inside + inside.T) / 2)
    vectors = rotation.T @ space
    found = Modes(
        frequencies=wavenumbers(values),
        vectors=vectors.reshape(len(values), -1, 3),
        intensities=intensities(vectors, dipole_derivatives, masses),
    )
    whole = normal_modes(hessian, dipole_derivatives, spectrum["positions"], masses)
    captured = float(found.intensities.sum() / whole.intensities.sum())
    return spectrum | {"model": counterpart(found, np.arange(len(values))), "captured": captured}


def counterpart(modes: Modes, chosen: np.ndarray) -> dict[str, Any]:
    """Return, JSON-ready, some of a model's modes, which tracked ones are held against."""
    return {
        "frequencies": modes.frequencies[chosen].tolist(),
        "intensities": modes.intensities[chosen].tolist(),
        "modes": modes.vectors[chosen].tolist(),
    }
