"""Density-fitted Coulomb potential and its gradient, from three-centre integrals that are computed once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import scipy.linalg
from pyscf import df, gto, lib
from pyscf.ao2mo.outcore import balance_partition
from scipy.spatial.distance import cdist

SLICE = 2e8
"""Bytes of integrals of all pairs that are held at a time while those of significant pairs are kept."""
EXPONENT = 30.0
"""Products of primitives whose Gaussian prefactor is below exp(-30) are left out of integrals, where libcint's default
of 60 keeps what rounding loses: four rings take two thirds of the time, their Coulomb matrix changes by 2e-9, their
energy and gradient by 1e-12 Hartree (per bohr). Pairs of orbitals without a larger one are not stored."""


class CachedDF(df.DF):
    """Density fitting that keeps the three-centre integrals of the Coulomb potential.

    PySCF computes them twice in each cycle when no exchange is wanted. Exchange goes to PySCF's own path.
    """

    _keys: ClassVar[set[str]] = {"_integrals", "_metric", "_pairs"}

    def __init__(self, mol: gto.Mole, auxbasis: str) -> None:
        super().__init__(mol, auxbasis)
        self._integrals: np.ndarray | None = None
        self._metric: tuple[np.ndarray, bool] | None = None
        self._pairs = np.empty(0, int)

    def prepare(self) -> None:
        """Factorise the metric, and compute the three-centre integrals (auxiliary, pairs) where memory holds them."""
        if self._metric is None:
            self.auxmol = df.addons.make_auxmol(self.mol, self.auxbasis)
            self._metric = scipy.linalg.cho_factor(self.auxmol.intor("int2c2e"))
            self._pairs = np.flatnonzero(_significant(self.mol)[np.tril_indices(self.mol.nao)])
            if self.stores():
                self._integrals = np.empty((self.auxmol.nao, len(self._pairs)))
                for functions, integrals in _slices(self.mol, self.auxmol, SLICE):
                    np.take(integrals, self._pairs, axis=1, out=self._integrals[functions])

    def stores(self) -> bool:
        """Return whether the integrals fit into memory (PYSCF_MAX_MEMORY, in MB)."""
        return 8e-6 * len(self._pairs) * self.auxmol.nao < self.mol.max_memory

    def fitted(self, dm: np.ndarray) -> np.ndarray:
        """Return the coefficients of the fitted density of a symmetric density matrix, shape (auxiliary,)."""
        self.prepare()
        if self._integrals is None:
            return scipy.linalg.cho_solve(self._metric, projections(self.mol, self.auxmol, dm))
        return scipy.linalg.cho_solve(self._metric, self._integrals @ packed_pairs(dm)[self._pairs])

    def get_jk(  # noqa: D102 - PySCF's interface
        self,
        dm: np.ndarray,
        hermi: int = 1,
        with_j: bool = True,
        with_k: bool = True,
        direct_scf_tol: float = 1e-13,
        omega: float | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        self.prepare()
        if with_k or omega or hermi != 1 or np.ndim(dm) != 2 or self._integrals is None:
            return super().get_jk(dm, hermi, with_j, with_k, direct_scf_tol, omega)
        packed = np.zeros(len(dm) * (len(dm) + 1) // 2)
        packed[self._pairs] = self.fitted(np.asarray(dm)) @ self._integrals
        return lib.unpack_tril(packed), None

    def gradient(self, dm: np.ndarray) -> np.ndarray:
        r"""Return the derivative of the Coulomb energy with respect to the nuclei, Hartree/bohr, shape (atoms, 3).

        With the fitted coefficients d, :math:`E = D\cdot(\mu\nu|P)d_P - \frac12 d J d`. Derivatives of the orbitals
        give the derivatives of the auxiliary functions as well, because an integral does not change when all its
        centres move together.
        """
        fitted, significant = self.fitted(dm), _significant(self.mol)
        orbital, auxiliary = np.zeros((3, len(dm))), np.zeros((3, len(fitted)))
        integrals = _DerivativeIntegrals(self.mol, self.auxmol)
        for bra, ket in itertools.product(range(self.mol.natm), repeat=2):
            i, j = integrals.functions(bra), integrals.functions(ket)
            if significant[i, j].any():
                values, weights = integrals(bra, ket), dm[i, j]
                orbital[:, i] -= 2 * np.einsum("xji,ij->xi", (fitted @ values).reshape(3, -1, len(weights)), weights)
                auxiliary += values @ weights.T.ravel()
        auxiliary *= 2 * fitted
        metric = self.auxmol.intor("int2c2e_ip1").reshape(3, len(fitted), -1)
        auxiliary += fitted * (metric @ fitted)
        return _per_atom(orbital, self.mol) + _per_atom(auxiliary, self.auxmol)


def screened(mol: gto.Mole) -> gto.Mole:
    """Return a molecule whose integrals leave out products of primitives that are far apart."""
    copied = mol.copy()
    copied._env = mol._env.copy()
    copied._env[gto.PTR_EXPCUTOFF] = EXPONENT
    return copied


def packed_pairs(matrix: np.ndarray) -> np.ndarray:
    """Return the weights of pairs of orbitals, lower triangle, in the sum over all pairs with a symmetric matrix."""
    packed = lib.pack_tril(matrix + matrix.T)
    diagonal = np.arange(len(matrix))
    packed[diagonal * (diagonal + 1) // 2 + diagonal] *= 0.5
    return packed


def projections(mol: gto.Mole, auxiliary: gto.Mole, matrix: np.ndarray, memory: float = 1e9) -> np.ndarray:
    """Return (P|rho) of every auxiliary function for a symmetric density matrix, from slices of at most some bytes."""
    packed, values = packed_pairs(matrix), np.empty(auxiliary.nao)
    for functions, integrals in _slices(mol, auxiliary, memory):
        values[functions] = integrals @ packed
    return values


def _slices(mol: gto.Mole, auxiliary: gto.Mole, memory: float) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the integrals (auxiliary, pairs) of some auxiliary functions after the other, of at most some bytes."""
    bounds, pairs = auxiliary.ao_loc_nr(), mol.nao * (mol.nao + 1) // 2
    for first, last, _ in balance_partition(bounds, max(1, int(memory / (8 * pairs)))):
        shells = (0, mol.nbas, 0, mol.nbas, first, last)
        integrals = df.incore.aux_e2(screened(mol), auxiliary, "int3c2e", aosym="s2ij", shls_slice=shells)
        yield slice(bounds[first], bounds[last]), integrals.T


def _significant(mol: gto.Mole) -> np.ndarray:
    """Return which pairs of orbitals have products that integrals keep, shape (orbitals, orbitals)."""
    smallest = np.array([mol.bas_exp(shell).min() for shell in range(mol.nbas)])
    centres = mol.atom_coords()[mol._bas[:, gto.ATOM_OF]]
    reduced = smallest * smallest[:, None] / (smallest + smallest[:, None])
    kept = reduced * cdist(centres, centres, "sqeuclidean") < EXPONENT
    sizes = np.diff(mol.ao_loc_nr())
    return np.repeat(np.repeat(kept, sizes, axis=0), sizes, axis=1)


class _DerivativeIntegrals:
    """Integrals (nabla i j|P) of the orbitals of two atoms with all auxiliary functions."""

    def __init__(self, mol: gto.Mole, auxmol: gto.Mole) -> None:
        mol = screened(mol)
        self.shells, self.places = mol.aoslice_by_atom()[:, :2], mol.aoslice_by_atom()[:, 2:]
        self.auxiliary = mol.nbas, mol.nbas + auxmol.nbas
        self.env = gto.conc_env(mol._atm, mol._bas, mol._env, auxmol._atm, auxmol._bas, auxmol._env)
        self.optimizer = gto.moleintor.make_cintopt(*self.env, "int3c2e_ip1_sph")

    def functions(self, atom: int) -> slice:
        """Return the orbitals of an atom."""
        return slice(*self.places[atom])

    def __call__(self, bra: int, ket: int) -> np.ndarray:
        """Return the integrals (3, auxiliary, ket * bra), the orbitals of the bra fastest."""
        shells = (*self.shells[bra], *self.shells[ket], *self.auxiliary)
        integrals = gto.moleintor.getints3c(
            "int3c2e_ip1_sph", *self.env, shells, comp=3, aosym="s1", cintopt=self.optimizer
        )
        return integrals.transpose(0, 3, 2, 1).reshape(3, integrals.shape[-1], -1)


def _per_atom(values: np.ndarray, mol: gto.Mole) -> np.ndarray:
    """Sum (3, functions) over the functions of each atom, shape (atoms, 3)."""
    return np.array([values[:, start:stop].sum(axis=1) for start, stop in mol.aoslice_by_atom()[:, 2:]])
