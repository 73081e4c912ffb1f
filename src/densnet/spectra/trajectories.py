"""From the trajectories of a molecule to its infrared spectrum with an error band."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densnet.config import Spectra
from densnet.dynamics import h5md
from densnet.errors import DataError
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.spectra import infrared, lineshapes
from densnet.spectra.compare import peak_table

STEP = 1.0
"""cm^-1 between the points of a stored spectrum."""


def grid_of(settings: Spectra) -> np.ndarray:
    """Return the wavenumbers (G,) of stored spectra, cm^-1."""
    return np.arange(settings.range[0], settings.range[1] + STEP / 2, STEP)


def infrared_spectrum(paths: Sequence[str | Path], settings: Spectra, **extra: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the spectrum of independent trajectories of one molecule.

    Parameters
    ----------
    paths
        H5MD files, one for each replica.
    settings
        Line width, which sets the length of a segment, and window.
    extra
        Stored with the result (chain length ...).

    Returns
    -------
    dict
        ``wavenumber`` (cm^-1), ``mean`` and ``standard_error`` over replicas (km/mol per cm^-1), ``fwhm``, ``peaks``,
        ``area`` (km/mol in the window) and, for each replica, temperature, drift and length.

    Raises
    ------
    DataError
        No trajectory, a damaged one, one of another molecule, or one shorter than a segment.
    """
    if not paths:
        raise DataError("infrared spectrum: no trajectory given")
    trajectories = [h5md.read(path, coordinates=False) for path in paths]
    for path, trajectory in zip(paths, trajectories, strict=True):
        if trajectory.symbols != trajectories[0].symbols:
            raise DataError(f"{path}: another molecule than {paths[0]}; give trajectories of one molecule")
    grid, segment = grid_of(settings), lineshapes.segment_for(settings.fwhm)
    curves = [_single(path, t, segment) for path, t in zip(paths, trajectories, strict=True)]
    mean, error = infrared.average(curves, grid)
    return {
        "wavenumber": grid.tolist(),
        "mean": _digits(mean),
        "standard_error": _digits(error),
        "replicas": [_facts(path, t) for path, t in zip(paths, trajectories, strict=True)],
        "fwhm": settings.fwhm,
        "area": float(np.trapezoid(mean, grid)),
        "peaks": peak_table(grid, mean, error),
        **extra,
        "provenance": provenance(),
    }


def _single(path: str | Path, trajectory: h5md.Trajectory, segment: float) -> tuple[np.ndarray, np.ndarray]:
    temperature = float(trajectory.temperature.mean())
    try:
        return infrared.spectrum(
            trajectory.dipole, trajectory.interval, temperature, segment=segment, timestep=trajectory.timestep
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _facts(path: str | Path, trajectory: h5md.Trajectory) -> dict[str, Any]:
    return {
        "file": Path(path).name,
        "temperature": float(trajectory.temperature.mean()),
        "drift_mev_atom_ps": trajectory.drift(),
        "picoseconds": float(trajectory.time[-1] / 1e3),
        "hottest": float(trajectory.temperature.max()),
        "largest_stretch": trajectory.parameters.get("largest_stretch"),
    }


def _digits(curve: np.ndarray) -> list[float]:
    return [float(f"{value:.6g}") for value in curve]


def write(path: str | Path, result: dict[str, Any]) -> None:
    """Write a spectrum as JSON."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(result) + "\n")


def read(path: str | Path) -> dict[str, Any]:
    """Read a spectrum; curves come back as NumPy arrays.

    Raises
    ------
    DataError
        The file is missing, damaged or not a spectrum.
    """
    try:
        values = json.loads(Path(path).read_text())
        return values | {name: np.array(values[name], float) for name in ("wavenumber", "mean", "standard_error")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a spectrum ({error}); delete it and run the rule again") from None
