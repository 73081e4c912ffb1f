"""Free atoms: the spherically averaged densities and energies against which molecules are measured."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from pyscf import gto
from pyscf.scf import atom_ks, hf

from densnet.config import Reference
from densnet.errors import ConvergenceError, DataError
from densnet.gaussians import primitive_norm
from densnet.prior import FreeAtom, FreeAtoms
from densnet.reference.level import check_level


def free_atoms(symbols: list[str], reference: Reference, prior: str = "free-atoms") -> FreeAtoms:
    """Return the free atoms of some elements at the level of a study.

    Spin-restricted with fractional occupations, spherically averaged, with the molecule's functional and orbital
    basis; the density is a sum of products of Gaussians of one centre and is kept exactly. With the prior ``minao`` the
    densities, and not the energies, are those of PySCF's minimal atomic orbitals; with ``none`` all electrons of an
    atom are in its first s orbital, so that densities are learned from their number alone.

    Raises
    ------
    ConvergenceError
        When an atom does not converge.
    ConfigError
        When an element has no orbital basis.
    """
    symbols = sorted(set(symbols))
    check_level(reference, symbols)
    level = {"xc": reference.xc, "basis": reference.basis}
    if prior != "free-atoms":
        level["prior"] = prior
    return FreeAtoms({symbol: _free_atom(symbol, reference, prior) for symbol in symbols}, level)


def _free_atom(symbol: str, reference: Reference, prior: str) -> FreeAtom:
    mol, energy, density_matrix = _solve(symbol, reference)
    powers, exponents, coefficients = _radial(mol, PRIORS[prior](mol, density_matrix))
    return FreeAtom(symbol, energy, tuple(powers), tuple(exponents), tuple(coefficients))


def _solve(symbol: str, reference: Reference) -> tuple[gto.Mole, float, np.ndarray]:
    """Return the atom, its energy in Hartree and its spherical density matrix."""
    mol = gto.M(atom=[(symbol, (0, 0, 0))], basis=reference.basis, spin=None, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PySCF's atomic solver calls its own old functions
        mf = atom_ks.AtomSphAverageRKS(mol)
        mf.xc, mf.chkfile, mf.conv_tol, mf.max_cycle = reference.xc, None, 1e-10, max(100, reference.max_cycle)
        mf.grids.level, mf.verbose = 6, 0
        mf.kernel()
    if not mf.converged:
        raise ConvergenceError(f"free atom {symbol}: SCF not converged; choose another reference.basis or reference.xc")
    return mol, float(mf.e_tot), mf.make_rdm1()


def _minao(mol: gto.Mole, _: np.ndarray) -> np.ndarray:
    """Return the density matrix of an atom from its minimal orbitals, scaled to the electrons it has."""
    density_matrix = np.asarray(hf.init_guess_by_minao(mol))
    return density_matrix * mol.nelectron / np.einsum("ij,ji->", density_matrix, mol.intor("int1e_ovlp"))


def _uninformed(mol: gto.Mole, _: np.ndarray) -> np.ndarray:
    """Return the density matrix of an atom with all its electrons in its first s orbital: their number and no more."""
    density_matrix = np.zeros((mol.nao, mol.nao))
    density_matrix[0, 0] = mol.nelectron / mol.intor("int1e_ovlp")[0, 0]
    return density_matrix


PRIORS = {"free-atoms": lambda mol, solved: solved, "minao": _minao, "none": _uninformed}
"""The density matrix of an atom in each prior, from the atom and its solved density matrix."""


def _radial(mol: gto.Mole, density_matrix: np.ndarray) -> tuple[list[int], list[float], list[float]]:
    r"""Return powers, exponents and coefficients of the radial density, e/bohr^3.

    The density matrix is spherical and :math:`\sum_m Y_{lm}^2 = (2l + 1)/4\pi`, so each pair of radial functions of one
    l contributes :math:`R_p R_q \sum_m D_{pm,qm} / 4\pi`.
    """
    terms: dict[tuple[int, float], float] = {}
    functions = list(_radial_functions(mol))
    for l, first, exponents, factors in functions:
        for _, second, others, more in (f for f in functions if f[0] == l):
            weight = np.trace(density_matrix[first, second]) / (4 * np.pi)
            for a, c in zip(exponents, factors, strict=True):
                for b, d in zip(others, more, strict=True):
                    key = 2 * l, float(a + b)
                    terms[key] = terms.get(key, 0.0) + float(weight * c * d)
    return [power for power, _ in terms], [exponent for _, exponent in terms], list(terms.values())


def _radial_functions(mol: gto.Mole) -> Iterator[tuple[int, slice, np.ndarray, np.ndarray]]:
    """Yield l, orbitals, exponents and the factors before r^l exp(-a r^2) Y_lm of each contracted function."""
    offsets = mol.ao_loc_nr()
    for shell in range(mol.nbas):
        l, exponents = mol.bas_angular(shell), mol.bas_exp(shell)
        for k, contraction in enumerate(mol.bas_ctr_coeff(shell).T):
            start = offsets[shell] + k * (2 * l + 1)
            yield l, slice(start, start + 2 * l + 1), exponents, contraction * primitive_norm(l, exponents)


class PriorMatrices:
    """Density matrices of the free atoms in the orbital basis: the prior in its exact form.

    Parameters
    ----------
    symbols
        Elements.
    reference
        Level of theory.
    prior
        Kind, as ``basis.prior`` names it.
    """

    def __init__(self, symbols: list[str], reference: Reference, prior: str = "free-atoms") -> None:
        solved = {symbol: _solve(symbol, reference) for symbol in sorted(set(symbols))}
        self.energies = {symbol: energy for symbol, (_, energy, _) in solved.items()}
        self.blocks = {symbol: PRIORS[prior](mol, matrix) for symbol, (mol, _, matrix) in solved.items()}

    def check(self, free_atoms: FreeAtoms) -> None:
        """Raise `DataError` unless these are the free atoms of a study."""
        for symbol, energy in self.energies.items():
            known = free_atoms.atoms.get(symbol)
            if known is None or abs(known.energy - energy) > 1e-6:
                raise DataError(
                    f"free atoms: {symbol} is missing or of another level of theory; run the atoms rule again"
                )

    def density_matrix(self, mol: gto.Mole) -> np.ndarray:
        """Return the block-diagonal density matrix of the superposed atoms, shape (orbitals, orbitals)."""
        total = np.zeros((mol.nao, mol.nao))
        for atom, (start, stop) in enumerate(mol.aoslice_by_atom()[:, 2:]):
            total[start:stop, start:stop] = self.blocks[mol.atom_symbol(atom)]
        return total
