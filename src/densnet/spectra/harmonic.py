"""Normal modes in the double-harmonic approximation: wavenumbers, infrared intensities and the file that holds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from numpy.typing import ArrayLike, NDArray

from densnet.errors import DataError
from densnet.files import atomic
from densnet.rigid import vibrational_space
from densnet.spectra.units import HARMONIC, with_units
from densnet.symmetry import irreducible, operations

Array = NDArray[np.float64]

WAVENUMBER = float(units._hbar * 1e10 / np.sqrt(units._e * units._amu) / units.invcm)
"""cm^-1 per (eV Å^-2 u^-1)^(1/2): turns the root of an eigenvalue of the mass-weighted Hessian into a wavenumber."""

INTENSITY = float(units._Nav * units._e**2 / (12 * units._eps0 * units._c**2 * units._amu) / 1e3)
"""km/mol per e^2/u (974.880): N_A |dmu/dQ|^2 / (12 eps0 c^2), napierian."""

NOISE = 1e-2
"""Share of the largest element of a Hessian that symmetry forbids and grids or single precision leave."""
SADDLE = -30.0
"""cm^-1; a mode below is a way down from a saddle point, above it may be noise of a nearly free rotation."""
PUSH = 0.15
"""Å, largest displacement of an atom when leaving a saddle point."""


@dataclass(frozen=True)
class Modes:
    """Vibrations of a molecule by ascending wavenumber, without translations and rotations.

    Attributes
    ----------
    frequencies
        (K,) cm^-1; imaginary ones are negative.
    vectors
        (K, A, 3) orthonormal displacements in mass-weighted coordinates.
    intensities
        (K,) km/mol.
    """

    frequencies: Array
    vectors: Array
    intensities: Array


def normal_modes(hessian: ArrayLike, dipole_derivatives: ArrayLike, positions: ArrayLike, masses: ArrayLike) -> Modes:
    """Diagonalise a Hessian in the space of internal motions.

    Modes of a symmetric molecule (`densnet.symmetry.operations`) are symmetric or antisymmetric as well, even where
    wavenumbers nearly coincide; unless the Hessian knows nothing of the symmetry.

    Parameters
    ----------
    hessian
        (3A, 3A) second derivatives of the energy, eV/Å².
    dipole_derivatives
        (3A, 3) derivatives of the dipole moment, e.
    positions
        (A, 3) Å, where both were taken.
    masses
        (A,) u.
    """
    weights = 1 / np.sqrt(np.repeat(np.asarray(masses, float), 3))
    weighted = np.asarray(hessian, float) * weights[:, None] * weights
    weighted = (weighted + weighted.T) / 2
    space = vibrational_space(positions, masses)
    parts = irreducible(space, operations(positions, masses))
    if not _apart(weighted, parts):
        parts = [space]
    solved = [np.linalg.eigh(part.T @ weighted @ part) for part in parts]
    values = np.concatenate([values for values, _ in solved])
    vectors = np.concatenate([(part @ rotation).T for part, (_, rotation) in zip(parts, solved, strict=True)])
    order = np.argsort(values)
    values, vectors = values[order], vectors[order]
    return Modes(
        frequencies=wavenumbers(values),
        vectors=vectors.reshape(len(values), -1, 3),
        intensities=intensities(vectors, dipole_derivatives, masses),
    )


def _apart(hessian: Array, parts: list[Array]) -> bool:
    """Return whether a mass-weighted Hessian couples parts of a space by no more than noise."""
    inside = [[one.T @ hessian @ other for other in parts] for one in parts]
    largest = max(np.abs(inside[i][i]).max() for i in range(len(parts)))
    across = (np.abs(inside[i][j]).max() for i in range(len(parts)) for j in range(i))
    return max(across, default=0.0) < NOISE * largest


def wavenumbers(eigenvalues: ArrayLike) -> Array:
    """Return the wavenumbers (cm^-1, imaginary ones negative) of eigenvalues of a Hessian in eV/(Å² u)."""
    eigenvalues = np.asarray(eigenvalues, float)
    return WAVENUMBER * np.sign(eigenvalues) * np.sqrt(np.abs(eigenvalues))


def intensities(vectors: ArrayLike, dipole_derivatives: ArrayLike, masses: ArrayLike) -> Array:
    """Return the infrared intensities (km/mol) of mass-weighted unit vectors (K, 3A) or (K, A, 3)."""
    vectors = np.asarray(vectors, float).reshape(len(np.asarray(vectors)), -1)
    weights = 1 / np.sqrt(np.repeat(np.asarray(masses, float), 3))
    return INTENSITY * np.sum((vectors * weights @ np.asarray(dipole_derivatives, float)) ** 2, axis=1)


def hessian_of(modes: Modes, masses: ArrayLike) -> Array:
    """Return the Hessian (3A, 3A), eV/Å², that has these modes and leaves translations and rotations free."""
    vectors = modes.vectors.reshape(len(modes.frequencies), -1)
    values = np.sign(modes.frequencies) * (modes.frequencies / WAVENUMBER) ** 2
    weights = np.sqrt(np.repeat(np.asarray(masses, float), 3))
    return (vectors.T * values) @ vectors * weights[:, None] * weights


def downhill(atoms: Atoms, modes: Modes) -> Atoms:
    """Return a structure moved off a saddle point along its lowest mode."""
    down = modes.vectors[0] / np.sqrt(atoms.get_masses())[:, None]
    moved = atoms.copy()
    moved.positions += PUSH * down / np.linalg.norm(down, axis=1).max()
    return moved


def active_modes(modes: Modes, captured: float, at_most: int) -> NDArray[np.intp]:
    """Return the fewest modes that carry the share ``captured`` of the intensity, at most ``at_most``, ascending."""
    order = np.argsort(modes.intensities)[::-1]
    share = np.cumsum(modes.intensities[order]) / np.sum(modes.intensities)
    return np.sort(order[: min(int(np.searchsorted(share, captured)) + 1, at_most)])


def result(atoms: Atoms, modes: Modes, *, method: str, **extra: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return what a harmonic file holds: structure, modes and ``extra`` (length, energy, residuals, provenance ...).

    It has ``masses`` (u) only where they are not the standard ones of the elements.
    """
    isotopes = not np.array_equal(atoms.get_masses(), Atoms(atoms.symbols).get_masses())
    return {
        "method": method,
        "symbols": atoms.get_chemical_symbols(),
        **({"masses": atoms.get_masses().tolist()} if isotopes else {}),
        "positions": np.round(atoms.positions, 8).tolist(),
        "frequencies": np.round(modes.frequencies, 4).tolist(),
        "intensities": np.round(modes.intensities, 6).tolist(),
        "modes": np.round(modes.vectors, 8).tolist(),
        **extra,
    }


def masses_of(values: dict[str, Any]) -> Array:
    """Return the masses of the atoms of a harmonic result, (A,) in u."""
    return np.array(values.get("masses", Atoms(values["symbols"]).get_masses()), float)


def write(path: str | Path, values: dict[str, Any]) -> None:
    """Write a harmonic result as JSON, with the units of what is in it."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(with_units(values, HARMONIC)) + "\n")


def read(path: str | Path) -> dict[str, Any]:
    """Read a harmonic result; arrays come back as NumPy arrays.

    Raises
    ------
    DataError
        The file is missing, damaged or not a harmonic result.
    """
    try:
        values = json.loads(Path(path).read_text())
        for name in ("positions", "frequencies", "intensities"):
            values[name] = np.array(values[name], float)
        if "modes" in values:
            values["modes"] = np.array(values["modes"], float)
        values["symbols"] = list(values["symbols"])
        _check_shapes(values)
        return values
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a harmonic result ({_reason(error)}); give a file that densnet harmonic or a harmonic rule "
            "wrote, or write it again"
        ) from None


def _check_shapes(values: dict[str, Any]) -> None:
    """Raise `ValueError` or `KeyError` where what belongs together has not the same size, or no element."""
    atoms, modes = len(Atoms(values["symbols"])), len(values["frequencies"])
    expected = {"positions": (atoms, 3), "intensities": (modes,), "frequencies": (modes,)}
    found = {name: values[name].shape for name in expected}
    if "masses" in values:
        expected["masses"], found["masses"] = (atoms,), masses_of(values).shape
    if "modes" in values:
        expected["modes"], found["modes"] = (modes, atoms, 3), values["modes"].shape
    if wrong := [f"{name} {shape}" for name, shape in found.items() if shape != expected[name]]:
        raise ValueError(f"of {atoms} atoms and {modes} modes, but {', '.join(wrong)}")


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def modes_of(values: dict[str, Any]) -> Modes:
    """Return the modes of a result read from a file."""
    return Modes(values["frequencies"], values["modes"], values["intensities"])
