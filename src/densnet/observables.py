"""What follows from the density besides the energy: density on points, moments, cube files.

All functions take the coefficients of the density difference to superposed free atoms, in the layout of
`densnet.basis`; a free atom is neutral and spherical, so only the coefficients contribute to the moments up to the
isotropic part of the quadrupole.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cube import write_cube as write_ase_cube
from ase.units import Bohr
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma

from densnet.basis import AuxiliaryBasis
from densnet.errors import DataError, ModelError
from densnet.files import atomic
from densnet.prior import FreeAtom, FreeAtoms

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

SLICE = 20_000
"""Points evaluated at once; bounds the memory to SLICE times the number of functions of an atom."""
DENSITY = Bohr**-3
"""Atomic unit of a density, e/Å^3."""
MOST = 50_000_000
"""Points of a cube file, which then has 650 MB."""
ROUGH = 0.02
"""Share of its electrons that the points of a density may miss, or have too many of, without a warning."""


def density_difference(
    basis: AuxiliaryBasis, symbols: Sequence[str], positions: Array, coefficients: Array, points: ArrayLike
) -> Array:
    """Return the density minus that of the free atoms.

    Parameters
    ----------
    basis
        Functions the coefficients belong to.
    symbols
        Chemical symbols of the A atoms.
    positions
        (A, 3) Å.
    coefficients
        (C,) flat vector.
    points
        (P, 3) Å.

    Returns
    -------
    (P,) e/Å^3.

    Raises
    ------
    ModelError
        The points are not (P, 3) finite numbers.
    """
    points = as_points(points) / Bohr
    total, offsets = np.zeros(len(points)), basis.offsets(symbols)
    for part in _slices(len(points)):
        for i, symbol in enumerate(symbols):
            own = coefficients[offsets[i] : offsets[i + 1]]
            total[part] += basis.evaluate([symbol], positions[i : i + 1] / Bohr, points[part]) @ own
    return total / Bohr**3


def density(
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    symbols: Sequence[str],
    positions: Array,
    coefficients: Array,
    points: ArrayLike,
) -> Array:
    """Return the total electron density (P,) in e/Å^3; arguments as in `density_difference`."""
    points = as_points(points)
    prior = free_atoms.density(symbols, positions, points)
    return prior + density_difference(basis, symbols, positions, coefficients, points)


def as_points(points: ArrayLike) -> Array:
    """Return points as an array (P, 3); raise `ModelError` where they are something else, or not finite."""
    given = np.asarray(points, float)
    if given.ndim != 2 or given.shape[1] != 3 or not np.isfinite(given).all():
        raise ModelError(f"points must be finite and of shape (P, 3), in Å; got shape {given.shape}")
    return given


def dipole(basis: AuxiliaryBasis, symbols: Sequence[str], positions: Array, coefficients: Array) -> Array:
    """Return the dipole moment (3,) in e Å of a neutral molecule."""
    charge = _per_atom(basis, symbols, basis.charges(symbols) * coefficients)
    own = coefficients @ basis.dipoles(symbols) * Bohr
    return -(charge @ positions + own)


def quadrupole(
    basis: AuxiliaryBasis, free_atoms: FreeAtoms, symbols: Sequence[str], positions: Array, coefficients: Array
) -> Array:
    r"""Return the second moment of the charge, :math:`\sum_A Z_A R_A R_A^T - \int \rho\, r r^T`, (3, 3) in e Å^2.

    About the origin of the coordinates; `traceless` turns it into the quadrupole moment of Buckingham's convention.
    """
    charge = basis.charges(symbols) * coefficients
    shift = basis.dipoles(symbols) * coefficients[:, None] * Bohr
    centre = np.repeat(positions, np.diff(basis.offsets(symbols)), axis=0)
    mixed = centre.T @ shift
    moment = (centre * charge[:, None]).T @ centre + mixed + mixed.T
    moment += np.einsum("c,cij->ij", coefficients, basis.second_moments(symbols)) * Bohr**2
    isotropic = sum(_mean_square(free_atoms.atoms[symbol]) for symbol in symbols) / 3 * Bohr**2
    return -moment - isotropic * np.eye(3)


def traceless(second_moment: Array) -> Array:
    """Return the traceless quadrupole moment (3 M - tr M) / 2 of a second moment M."""
    return (3 * second_moment - np.trace(second_moment) * np.eye(3)) / 2


def _mean_square(atom: FreeAtom) -> float:
    """Return the integral of the density times r^2, e bohr^2."""
    half = (np.array(atom.powers) + 5) / 2
    return float(4 * np.pi * np.array(atom.coefficients) @ (gamma(half) / (2 * np.array(atom.exponents) ** half)))


def _per_atom(basis: AuxiliaryBasis, symbols: Sequence[str], values: Array) -> Array:
    return np.add.reduceat(values, basis.offsets(symbols)[:-1])


def _slices(count: int) -> Iterator[slice]:
    return (slice(start, start + SLICE) for start in range(0, count, SLICE))


def write_cube(
    path: str | Path,
    atoms: Atoms,
    function: Callable[[Array], Array],
    *,
    spacing: float = 0.2,
    margin: float = 3.0,
    unit: float = DENSITY,
    comment: str = "",
    electrons: float | None = None,
) -> None:
    """Write a function of space as a Gaussian cube file, which common viewers open.

    Parameters
    ----------
    path
        Output.
    atoms
        The molecule in the box.
    function
        Takes points (P, 3) in Å, returns values (P,).
    spacing
        Å between points.
    margin
        Å between the outermost atoms and the walls.
    unit
        The atomic unit that the file holds, in units of the function; by default the function is a density in e/Å^3.
    comment
        First line of the file.
    electrons
        What a density has in all of space; logged beside what the points of the file hold of it.

    Raises
    ------
    DataError
        No atoms, or a grid of more than ``MOST`` points.
    """
    low, counts = _box(path, atoms, spacing, margin)
    values = np.concatenate([function(low + spacing * steps) for steps in _steps(counts)]) / unit
    if unit == DENSITY:
        _log_electrons(path, float(values.sum()) * (spacing / Bohr) ** 3, electrons)
    boxed = Atoms(atoms.numbers, atoms.positions, cell=np.diag(counts * spacing))
    with atomic(path) as temporary, open(temporary, "w") as file:
        write_ase_cube(file, boxed, data=values.reshape(counts), origin=low, comment=comment)


def _box(path: str | Path, atoms: Atoms, spacing: float, margin: float) -> tuple[Array, NDArray[np.int64]]:
    """Return the corner (3,) of a cube file's grid, Å, and its numbers of points."""
    if not len(atoms):
        raise DataError(f"{path}: no atoms to put into a box; give a structure that has some")
    low, high = atoms.positions.min(axis=0) - margin, atoms.positions.max(axis=0) + margin
    counts = np.ceil((high - low) / spacing) + 1
    if not (total := math.prod(counts.tolist())) <= MOST:
        raise DataError(
            f"{path}: a grid of {total:.2g} points, at most {MOST:.2g} are written; choose a larger --spacing "
            f"({spacing:g} Å) or a smaller --margin ({margin:g} Å)"
        )
    return low, counts.astype(int)


def _steps(counts: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers (n, 3) of steps from the corner to the points of a grid, the last index fastest."""
    total = math.prod(counts.tolist())
    for part in _slices(total):
        yield np.stack(np.unravel_index(np.arange(part.start, min(part.stop, total)), counts), axis=-1)


def _log_electrons(path: str | Path, held: float, electrons: float | None) -> None:
    if electrons is None:
        log.info("%s: the points hold %.3f electrons", path, held)
    elif abs(held - electrons) <= ROUGH * electrons:
        rest = "; the rest is in cusps between points and outside the box" if held < electrons else ""
        log.info("%s: the points hold %.3f electrons of %g%s", path, held, electrons, rest)
    else:
        log.warning(
            "%s: the points hold %.3f electrons of %g: each has the true density, but their sum does not integrate it; "
            "choose a smaller --spacing, or a larger --margin", path, held, electrons,
        )  # fmt: skip
