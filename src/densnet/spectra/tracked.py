"""Tracked spectra that outlive the model whose modes were tracked: another model is held against the same modes."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from scipy.optimize import linear_sum_assignment

from densnet.spectra.harmonic import Modes


def structure(spectrum: dict[str, Any]) -> Atoms:
    """Return the minimum of a harmonic spectrum."""
    return Atoms(spectrum["symbols"], spectrum["positions"])


def beside(spectrum: dict[str, Any], modes: Modes) -> dict[str, Any]:
    """Return a tracked spectrum of DFT with the modes of a model that are nearest to its own.

    Parameters
    ----------
    spectrum
        Modes in the space of another model's active ones (`densnet.reference.harmonic.tracked_spectrum`), read from a
        file.
    modes
        The model's, at the same minimum.

    Returns
    -------
    dict
        The spectrum; ``model``, this model's modes, one for each that was tracked, and ``captured``, the share of its
        intensity within the tracked space, take the place of the other's.
    """
    theirs = np.reshape(spectrum["modes"], (len(spectrum["modes"]), -1))
    overlap = (modes.vectors.reshape(len(modes.vectors), -1) @ theirs.T) ** 2
    chosen = np.sort(linear_sum_assignment(-overlap)[0])
    captured = float(modes.intensities @ overlap.sum(axis=1) / modes.intensities.sum())
    return spectrum | {"model": counterpart(modes, chosen), "captured": captured}


def counterpart(modes: Modes, chosen: np.ndarray) -> dict[str, Any]:
    """Return, JSON-ready, some of a model's modes, which tracked ones are held against."""
    return {
        "frequencies": modes.frequencies[chosen].tolist(),
        "intensities": modes.intensities[chosen].tolist(),
        "modes": modes.vectors[chosen].tolist(),
    }
