"""From the trajectories of a molecule to its infrared spectrum with an error band."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densnet.config import Spectra
from densnet.dynamics import h5md
from densnet.errors import DataError
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.spectra import infrared, lineshapes
from densnet.spectra.compare import peak_table

Array = NDArray[np.float64]

STEP = 1.0
"""cm^-1 between the points of a stored spectrum."""
CURVES = ("mean", "standard_error")


def grid_of(settings: Spectra) -> Array:
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
        ``wavenumber`` (cm^-1), ``mean`` and ``standard_error`` over replicas (km/mol per cm^-1), the same two of the
        ``vibrational_density`` of states (per cm^-1), ``fwhm``, ``peaks``, ``area`` (km/mol in the window) and, for
        each replica, temperature, drift and length.

    Raises
    ------
    DataError
        No trajectory, a damaged one, one of another molecule, one shorter than a segment, or one whose frames are too
        far apart for the window.
    """
    if not paths:
        raise DataError("infrared spectrum: no trajectory given")
    molecules = [h5md.read(path, coordinates=False).symbols for path in paths]
    for path, symbols in zip(paths, molecules, strict=True):
        if symbols != molecules[0]:
            raise DataError(f"{path}: another molecule than {paths[0]}; give trajectories of one molecule")
    return spectrum_of(((path, h5md.read(path)) for path in paths), settings, **extra)


def spectrum_of(
    trajectories: Iterable[tuple[str | Path, h5md.Trajectory]],
    settings: Spectra,
    **extra: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the spectrum of trajectories, each given with its name; see `infrared_spectrum`. One is held at a time."""
    replicas = [Replica.of(name, trajectory, settings) for name, trajectory in trajectories]
    grid = grid_of(settings)
    mean, error = infrared.average([replica.absorption for replica in replicas], grid)
    states = infrared.average([replica.states for replica in replicas], grid)
    return {
        "wavenumber": grid.tolist(),
        "mean": _digits(mean),
        "standard_error": _digits(error),
        "vibrational_density": dict(zip(CURVES, map(_digits, states), strict=True)),
        "replicas": [replica.facts for replica in replicas],
        "fwhm": settings.fwhm,
        "area": float(np.trapezoid(mean, grid)),
        "peaks": peak_table(grid, mean, error),
        **extra,
        "provenance": provenance(),
    }


@dataclass(frozen=True)
class Replica:
    """What one trajectory gives.

    Attributes
    ----------
    absorption, states
        Wavenumbers and absorption (km/mol per cm^-1), wavenumbers and vibrational density of states (per cm^-1).
    facts
        How it went.
    """

    absorption: tuple[Array, Array]
    states: tuple[Array, Array]
    facts: dict[str, Any]

    @classmethod
    def of(cls, name: str | Path, trajectory: h5md.Trajectory, settings: Spectra) -> Replica:
        """Evaluate a trajectory; raise `DataError` naming it where it is too short or its frames too far apart."""
        segment, step = lineshapes.segment_for(settings.fwhm), trajectory.timestep
        try:
            absorption = infrared.spectrum(
                trajectory.dipole, trajectory.interval, float(trajectory.temperature.mean()), segment=segment,
                timestep=step,
            )  # fmt: skip
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        if (highest := absorption[0][-1]) < settings.range[1]:
            raise DataError(
                f"{name}: frames {trajectory.interval:g} fs apart know nothing above {highest:.0f} cm^-1; store them "
                "more often (simulation.stride) or lower the end of the window (spectra.range)"
            )
        states = infrared.vibrational_density(
            trajectory.velocity, trajectory.masses, trajectory.interval, segment, step
        )
        return cls(absorption, states, _facts(name, trajectory))


def _facts(name: str | Path, trajectory: h5md.Trajectory) -> dict[str, Any]:
    conserved = trajectory.parameters.get("ensemble") != "langevin"  # dynamics with a model have models there
    return {
        "file": Path(name).name,
        "temperature": float(trajectory.temperature.mean()),
        "drift_mev_atom_ps": trajectory.drift() if conserved else None,
        "picoseconds": float(trajectory.time[-1] / 1e3),
        "hottest": float(trajectory.temperature.max()),
        "largest_stretch": trajectory.parameters.get("largest_stretch"),
    }


def _digits(curve: Array) -> list[float]:
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
        states = {name: np.array(values["vibrational_density"][name], float) for name in CURVES}
        curves = {name: np.array(values[name], float) for name in ("wavenumber", *CURVES)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a spectrum ({error}); delete it and run the rule again") from None
    return values | curves | {"vibrational_density": states}
