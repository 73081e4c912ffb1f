"""What follows from the density besides the energy: density on points, moments, cube files.

All functions take the coefficients of the density difference to superposed free atoms, in the layout of
`densnet.basis`; a free atom is neutral and spherical, so only the coefficients contribute to the moments up to the
isotropic part of the quadrupole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cube import write_cube as write_ase_cube
from ase.units import Bohr
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma

from densnet.basis import AuxiliaryBasis
from densnet.files import atomic
from densnet.prior import FreeAtom, FreeAtoms

Array = NDArray[np.float64]

SLICE = 20_000
"""Points evaluated at once; bounds the memory to SLICE times the number of functions of an atom."""


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
    """
    points = np.asarray(points, float) / Bohr
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
    points = np.asarray(points, float)
    prior = free_atoms.density(symbols, positions, points)
    return prior + density_difference(basis, symbols, positions, coefficients, points)


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
    unit: float = Bohr**-3,
    comment: str = "",
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
    """
    low, high = atoms.positions.min(axis=0) - margin, atoms.positions.max(axis=0) + margin
    counts = np.ceil((high - low) / spacing).astype(int) + 1
    axes = [low[i] + spacing * np.arange(counts[i]) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.concatenate([function(points[part]) for part in _slices(len(points))]) / unit
    boxed = Atoms(atoms.numbers, atoms.positions, cell=np.diag(counts * spacing))
    with atomic(path) as temporary, open(temporary, "w") as file:
        write_ase_cube(file, boxed, data=values.reshape(counts), origin=low, comment=comment)
