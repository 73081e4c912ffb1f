"""How far a density is from DFT: integrated absolute error on the Becke grid, percent of the electrons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.units import Bohr
from pyscf import dft, gto, lib

from densnet.basis import AuxiliaryBasis
from densnet.config import Reference
from densnet.integrals import on_atoms
from densnet.prior import FreeAtoms
from densnet.reference.grid import blocks
from densnet.reference.method import molecule

LEVEL = 1
"""Becke grid on which errors are integrated: they are those of finer grids to half a percent, at half the points of
level 2."""


def density_error(
    symbols: Sequence[str],
    positions: np.ndarray,
    density_matrix: np.ndarray,
    coefficients: np.ndarray,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    reference: Reference,
    logarithms: Sequence[float] = (),
) -> float:
    """Return the error of a density in the auxiliary basis on top of the free atoms.

    Parameters
    ----------
    symbols, positions
        The structure; (atoms, 3), Angstrom.
    density_matrix
        Lower triangle of the DFT density matrix, packed.
    coefficients
        Of the density difference, shape (functions,).
    basis, free_atoms
        What the coefficients belong to.
    reference
        Level of theory.
    logarithms
        How far a flexible basis is stretched (see `densnet.models.flexible`).

    Returns
    -------
    float
        Percent of the electrons.
    """
    mol = molecule(Atoms(symbols, positions), reference)
    grids = becke(mol, LEVEL)
    target = orbital_densities(mol, grids, lib.unpack_tril(np.asarray(density_matrix, dtype=float)))[0]
    prior = free_atoms.density(symbols, np.asarray(positions), grids.coords * Bohr) * Bohr**3
    own, names = basis.stretched(symbols, logarithms)
    found = prior + auxiliary_density(mol, own, coefficients, grids, names)
    return absolute_error(found - target, grids, mol)


def becke(mol: gto.Mole, level: int) -> dft.gen_grid.Grids:
    """Return the Becke grid of a level."""
    grids = dft.gen_grid.Grids(mol)
    grids.level = level
    return grids.build(with_non0tab=False)


def absolute_error(difference: np.ndarray, grids: dft.gen_grid.Grids, mol: gto.Mole) -> float:
    """Return the integral of the absolute value of a density difference, percent of the molecule's electrons."""
    return float(100 * np.abs(difference) @ grids.weights / mol.nelectron)


def orbital_densities(mol: gto.Mole, grids: dft.gen_grid.Grids, *matrices: np.ndarray) -> np.ndarray:
    """Return the densities of density matrices on the grid, e/bohr^3, shape (matrices, points)."""
    densities = np.empty((len(matrices), len(grids.weights)))
    for block in blocks(mol, grids, 0):
        local, values = np.ix_(block.orbitals, block.orbitals), block.values[0]
        for row, matrix in zip(densities, matrices, strict=True):
            row[block.points] = np.einsum("ig,ig->g", values, matrix[local] @ values)
    return densities


def auxiliary_density(
    mol: gto.Mole,
    basis: AuxiliaryBasis,
    coefficients: np.ndarray,
    grids: dft.gen_grid.Grids,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Return the density of auxiliary coefficients on the grid, e/bohr^3; ``names``: of the atoms in the basis.

    It is to be integrated: at points of next to no weight, functions are left out.
    """
    symbols = names or mol.elements
    auxiliary = on_atoms(basis, symbols, mol.atom_coords())
    in_pyscf_order = basis.from_pyscf_order(symbols).T @ np.asarray(coefficients, dtype=float)
    values = np.empty(len(grids.weights))
    for block in blocks(auxiliary, grids, 0):
        values[block.points] = in_pyscf_order[block.orbitals] @ block.values[0]
    return values
