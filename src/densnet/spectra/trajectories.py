"""From the trajectories of a molecule to its infrared spectrum with an error band."""

from __future__ import annotations

import hashlib
import json
import logging
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
from densnet.spectra import aliasing, infrared, lineshapes
from densnet.spectra.compare import peak_table
from densnet.spectra.units import INFRARED, with_units

log = logging.getLogger(__name__)

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
        ``symbols``, ``wavenumber`` (cm^-1), ``mean`` and ``standard_error`` over replicas (km/mol per cm^-1), the same
        two of the ``vibrational_density`` of states (per cm^-1), ``fwhm``, ``peaks``, ``area`` (km/mol in the window)
        and, for each replica, temperature, drift and length. A single replica has no standard errors: they are None.

    Raises
    ------
    DataError
        No trajectory, a damaged one, the same one twice, one of another molecule or run at another temperature, one
        shorter than a segment, or one whose frames are too far apart for the molecule's vibrations.
    """
    if not paths:
        raise DataError("infrared spectrum: no trajectory given")
    _check_company(paths)
    return spectrum_of(((path, h5md.read(path)) for path in paths), settings, **extra)


def _check_company(paths: Sequence[str | Path]) -> None:
    """Raise `DataError` unless these are different trajectories of one molecule, run at one temperature.

    Timesteps and intervals may differ: each spectrum is put on its true axis before they are averaged.
    """
    first, seen = h5md.read(paths[0], coordinates=False), {}
    for path in paths:
        one = h5md.read(path, coordinates=False)
        if one.symbols != first.symbols or not np.allclose(one.masses, first.masses):
            raise DataError(f"{path}: another molecule than {paths[0]}; give trajectories of one molecule")
        kelvin = [trajectory.parameters.get("temperature") for trajectory in (one, first)]
        if None not in kelvin and kelvin[0] != kelvin[1]:
            raise DataError(
                f"{path}: run at {kelvin[0]:g} K, but {paths[0]} at {kelvin[1]:g} K; give those of one temperature"
            )
        content = hashlib.sha256(one.dipole.tobytes() + one.potential_energy.tobytes()).digest()
        if content in seen:
            raise DataError(f"{path}: the same trajectory as {seen[content]}; give each once")
        seen[content] = path


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
        "symbols": replicas[0].symbols,
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
    symbols
        Of the molecule.
    absorption, states
        Wavenumbers and absorption (km/mol per cm^-1), wavenumbers and vibrational density of states (per cm^-1).
    facts
        How it went.
    """

    symbols: list[str]
    absorption: tuple[Array, Array]
    states: tuple[Array, Array]
    facts: dict[str, Any]

    @classmethod
    def of(cls, name: str | Path, trajectory: h5md.Trajectory, settings: Spectra) -> Replica:
        """Evaluate a trajectory; raise `DataError` naming it where it is too short or its frames too far apart."""
        segment, step = lineshapes.segment_for(settings.fwhm), trajectory.timestep
        if folded := aliasing.folded(trajectory.interval, step, trajectory.symbols):
            raise DataError(f"{name}: {folded}; run the dynamics again with a smaller stride (densnet md --stride)")
        if settings.range[1] > (top := aliasing.highest(trajectory.interval, step)):
            log.warning(
                "%s: frames %g fs apart show nothing above %.0f cm^-1, though the window goes up to %g cm^-1",
                name, trajectory.interval, top, settings.range[1],
            )  # fmt: skip
        try:
            absorption = infrared.spectrum(
                trajectory.dipole, trajectory.interval, float(trajectory.temperature.mean()), segment=segment,
                timestep=step,
            )  # fmt: skip
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        states = infrared.vibrational_density(
            trajectory.velocity, trajectory.masses, trajectory.interval, segment, step
        )
        return cls(trajectory.symbols, absorption, states, _facts(name, trajectory))


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


def _digits(curve: Array | None) -> list[float] | None:
    return None if curve is None else [float(f"{value:.6g}") for value in curve]


def write(path: str | Path, result: dict[str, Any]) -> None:
    """Write a spectrum as JSON, with the units of what is in it."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(with_units(result, INFRARED)) + "\n")


def read(path: str | Path) -> dict[str, Any]:
    """Read a spectrum; curves come back as NumPy arrays, the standard errors of a single trajectory as None.

    Raises
    ------
    DataError
        The file is missing, damaged or not a spectrum.
    """
    try:
        values = json.loads(Path(path).read_text())
        single = len(values["replicas"]) == 1
        states = _arrays(values["vibrational_density"], single)
        curves = _arrays(values, single) | {"wavenumber": np.array(values["wavenumber"], float)}
        peaks = [peak | ({"standard_error": None} if single else {}) for peak in values["peaks"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a spectrum ({error}); delete it and run the rule again") from None
    return values | curves | {"vibrational_density": states, "peaks": peaks}


def _arrays(values: dict[str, Any], single: bool) -> dict[str, Array | None]:
    """Return the two curves of a spectrum; older files have zeros for the error of a single trajectory."""
    mean, error = (values[name] for name in CURVES)
    return {"mean": np.array(mean, float), "standard_error": None if single else np.array(error, float)}
