"""Density fitting of a density difference, with charge and dipole exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from ase.units import Bohr, Debye
from pyscf import gto

from densnet.basis import AuxiliaryBasis
from densnet.integrals import auxiliary_molecule
from densnet.reference.coulomb import projections

REGULARISATION = 1e-10
"""Added to the diagonal of the metric of normalised functions; fixed, so that labels change smoothly with geometry."""
MEMORY = 1e9
"""Bytes of one slice of three-centre integrals."""


@dataclass(frozen=True)
class Fit:
    """A fitted density difference.

    Attributes
    ----------
    coefficients
        In the order of `densnet.basis`, shape (functions,).
    charge_error
        Integral of the fit less that of the density, electrons.
    dipole_error
        Norm of the difference of the dipoles, Debye.
    condition
        Condition number of the regularised metric.
    """

    coefficients: np.ndarray
    charge_error: float
    dipole_error: float
    condition: float


def fit(mol: gto.Mole, delta: np.ndarray, basis: AuxiliaryBasis) -> Fit:
    r"""Fit the density of a symmetric matrix in the Coulomb metric.

    Minimises :math:`\frac12 (c - J^{-1}b)^T J (c - J^{-1}b)` under four constraints :math:`A c = t`: the integral and
    the dipole of the density. With :math:`x = J^{-1}b` the solution is
    :math:`c = x + J^{-1}A^T (A J^{-1} A^T)^{-1} (t - A x)`.

    Parameters
    ----------
    mol
        Molecule.
    delta
        Density matrix less that of the prior, shape (orbitals, orbitals).
    basis
        Auxiliary basis.

    Returns
    -------
    Fit
    """
    symbols = mol.elements
    positions = mol.atom_coords()
    metric, projected = equations(mol, delta, basis)
    scale = 1 / np.sqrt(metric.diagonal())
    metric = metric * scale * scale[:, None]
    metric[np.diag_indices_from(metric)] += REGULARISATION
    constraints, targets = moments(basis, symbols, positions), density_moments(mol, delta)
    sides = np.column_stack([projected, constraints.T])
    solved = _solve(metric, sides * scale[:, None]) * scale[:, None]
    free, directions = solved[:, 0], solved[:, 1:]
    response = constraints @ directions
    # A second step removes what rounding leaves of the constraints.
    for _ in range(2):
        free = free + directions @ np.linalg.solve(response, targets - constraints @ free)
    errors = constraints @ free - targets
    return Fit(free, float(errors[0]), float(np.linalg.norm(errors[1:]) * Bohr / Debye), _condition(metric))


def equations(mol: gto.Mole, delta: np.ndarray, basis: AuxiliaryBasis) -> tuple[np.ndarray, np.ndarray]:
    """Return the Coulomb metric and (P|rho) of a symmetric density matrix, in the order of `densnet.basis`, Hartree."""
    transform, auxiliary = basis.from_pyscf_order(mol.elements), auxiliary_molecule(mol, basis)
    metric = transform @ auxiliary.intor("int2c2e") @ transform.T
    return metric, transform @ projections(mol, auxiliary, delta, MEMORY)


def _solve(metric: np.ndarray, sides: np.ndarray) -> np.ndarray:
    factor = scipy.linalg.cho_factor(metric)
    solution = scipy.linalg.cho_solve(factor, sides)
    return solution + scipy.linalg.cho_solve(factor, sides - metric @ solution)


def _condition(metric: np.ndarray) -> float:
    values = np.linalg.eigvalsh(metric)
    return float(values[-1] / values[0])


def moments(basis: AuxiliaryBasis, symbols: list[str], positions: np.ndarray) -> np.ndarray:
    """Return the integral and the first moments about the centroid of every function, shape (4, functions)."""
    charges = basis.charges(symbols)
    centred = positions - positions.mean(axis=0)
    centres = np.repeat(centred, np.diff(basis.offsets(symbols)), axis=0)
    return np.vstack([charges, (charges[:, None] * centres + basis.dipoles(symbols)).T])


def density_moments(mol: gto.Mole, matrix: np.ndarray) -> np.ndarray:
    """Return the integral and the first moments about the centroid of a density, shape (4,), electrons and e bohr."""
    with mol.with_common_orig(mol.atom_coords().mean(axis=0)):
        operators = np.concatenate([mol.intor("int1e_ovlp")[None], mol.intor("int1e_r")])
    return np.einsum("xij,ij->x", operators, matrix)
