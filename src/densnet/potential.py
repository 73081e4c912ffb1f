r"""The electrostatic potential of nuclei and electrons, in closed form because every part of the density is a Gaussian.

A density :math:`s^p e^{-a s^2}\, Y_{lm}` has the potential

.. math:: \frac{4\pi}{2l+1}\, r^l Y_{lm}
          \left[ r^{-2l-1} \int_0^r s^{p+l+2} e^{-a s^2} ds + \int_r^\infty s^{p-l+1} e^{-a s^2} ds \right]

(multipole expansion of 1/distance; Jackson, Classical Electrodynamics, 3rd edition, equation 4.1 and following), whose
integrals are incomplete gamma functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from ase.data import atomic_numbers
from ase.units import Bohr, Hartree
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma, gammainc, gammaincc

from densnet.basis import AuxiliaryBasis
from densnet.observables import as_points
from densnet.prior import FreeAtom, FreeAtoms

Array = NDArray[np.float64]

NEAREST = 0.01
"""bohr; closer to a nucleus the potential is held at its value there, so that it is finite everywhere."""


def electrostatic_potential(
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    symbols: Sequence[str],
    positions: Array,
    coefficients: Array,
    points: ArrayLike,
) -> Array:
    """Return the potential that a positive test charge feels.

    Parameters
    ----------
    basis, free_atoms
        Functions the coefficients belong to, and the prior.
    symbols
        Chemical symbols of the A atoms.
    positions
        (A, 3) Å.
    coefficients
        (C,) flat vector of the density difference.
    points
        (P, 3) Å.

    Returns
    -------
    (P,) V.

    Raises
    ------
    ModelError
        The points are not (P, 3) finite numbers.
    """
    points = as_points(points) / Bohr
    total, offsets = np.zeros(len(points)), basis.offsets(symbols)
    for i, (symbol, centre) in enumerate(zip(symbols, positions / Bohr, strict=True)):
        vectors = points - centre
        distances = np.maximum(np.linalg.norm(vectors, axis=1), NEAREST)
        atom = free_atoms.atoms[symbol]
        total += atomic_numbers[atom.symbol] / distances - _of_free_atom(atom, distances)
        total -= _of_shells(basis, symbol, coefficients[offsets[i] : offsets[i + 1]], vectors, distances)
    return total * Hartree


def _of_free_atom(atom: FreeAtom, distances: Array) -> Array:
    """Return the potential (Hartree/e) of one electron cloud as if it were positive."""
    powers, exponents, coefficients = (np.array(x) for x in (atom.powers, atom.exponents, atom.coefficients))
    return 4 * np.pi * _radial(0, powers, exponents, distances) @ coefficients


def _of_shells(basis: AuxiliaryBasis, symbol: str, coefficients: Array, vectors: Array, distances: Array) -> Array:
    """Return the potential (Hartree/e) of the functions of one atom, as if positive."""
    import torch
    from e3nn import o3

    total, start = np.zeros(len(vectors)), 0
    # Shells of one contraction share their exponents, whose integrals are needed once.
    for (l, exponents), group in groupby(basis.of(symbol), key=lambda shell: (shell.l, shell.exponents)):
        prefactors = np.array([shell.prefactors() for shell in group])
        stop = start + len(prefactors) * (2 * l + 1)
        own = prefactors.T @ coefficients[start:stop].reshape(len(prefactors), 2 * l + 1)
        solid = o3.spherical_harmonics(l, torch.as_tensor(vectors), normalize=False, normalization="integral").numpy()
        radial = _radial(l, l, np.array(exponents), distances)
        total += 4 * np.pi / (2 * l + 1) * np.einsum("pm,pm->p", solid, radial @ own)
        start = stop
    return total


def _radial(l: int, power: ArrayLike, exponents: Array, distances: Array) -> Array:
    """Return the bracket of the module's formula for each distance and exponent."""
    inner, outer = (np.asarray(power) + l + 3) / 2, (np.asarray(power) - l + 2) / 2
    scaled, r = distances[:, None] ** 2 * exponents, distances[:, None]
    below = gamma(inner) * gammainc(inner, scaled) / (2 * exponents**inner)
    above = gamma(outer) * gammaincc(outer, scaled) / (2 * exponents**outer)
    return below / r ** (2 * l + 1) + above
