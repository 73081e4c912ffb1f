"""Density-fitted Coulomb potential and its gradient, from three-centre integrals that are computed once."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.linalg
from pyscf import df, gto, lib
from pyscf.ao2mo.outcore import balance_partition

SLICE = 48
"""Auxiliary functions of one slice of derivative integrals."""
EXPONENT = 40.0
"""Products of primitives whose Gaussian prefactor is below exp(-40) are left out of integrals, where libcint's default
of 60 keeps what rounding loses: a third of the time for four rings."""


class CachedDF(df.DF):
    """Density fitting that keeps the three-centre integrals of the Coulomb potential.

    PySCF computes them twice in each cycle when no exchange is wanted. Exchange goes to PySCF's own path.
    """

    _keys: ClassVar[set[str]] = {"_integrals", "_metric"}

    def __init__(self, mol: gto.Mole, auxbasis: str) -> None:
        super().__init__(mol, auxbasis)
        self._integrals: np.ndarray | None = None
        self._metric: tuple[np.ndarray, bool] | None = None

    def prepare(self) -> None:
        """Factorise the metric, and compute the three-centre integrals (pairs, auxiliary) where memory holds them."""
        if self._metric is None:
            self.auxmol = df.addons.make_auxmol(self.mol, self.auxbasis)
            self._metric = scipy.linalg.cho_factor(self.auxmol.intor("int2c2e"))
            if self.stores():
                self._integrals = df.incore.aux_e2(screened(self.mol), self.auxmol, "int3c2e", aosym="s2ij")

    def stores(self) -> bool:
        """Return whether the integrals fit into memory (PYSCF_MAX_MEMORY, in MB)."""
        nao = self.mol.nao
        return 4e-6 * nao * (nao + 1) * self.auxmol.nao < self.mol.max_memory

    def fitted(self, dm: np.ndarray) -> np.ndarray:
        """Return the coefficients of the fitted density of a symmetric density matrix, shape (auxiliary,)."""
        self.prepare()
        if self._integrals is None:
            return scipy.linalg.cho_solve(self._metric, projections(self.mol, self.auxmol, dm))
        return scipy.linalg.cho_solve(self._metric, packed_pairs(dm) @ self._integrals)

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
        fitted = self.fitted(np.asarray(dm))
        return lib.unpack_tril(self._integrals @ fitted), None

    def gradient(self, dm: np.ndarray) -> np.ndarray:
        r"""Return the derivative of the Coulomb energy with respect to the nuclei, Hartree/bohr, shape (atoms, 3).

        With the fitted coefficients d, :math:`E = D\cdot(\mu\nu|P)d_P - \frac12 d J d`. Derivatives of the orbitals
        give the derivatives of the auxiliary functions as well, because an integral does not change when all its
        centres move together.
        """
        fitted, nbas = self.fitted(dm), self.mol.nbas
        bounds, mol = self.auxmol.ao_loc_nr(), screened(self.mol)
        orbital, auxiliary = np.zeros((3, len(dm))), np.zeros((3, len(fitted)))
        for first, last, _ in balance_partition(bounds, SLICE):
            p = slice(bounds[first], bounds[last])
            integrals = _integrals_ip1(mol, self.auxmol, (0, nbas, 0, nbas, nbas + first, nbas + last))
            for axis in range(3):
                values = integrals[axis].reshape(-1, len(dm) ** 2)  # (auxiliary, pairs), pairs with the bra fastest
                orbital[axis] -= ((fitted[p] @ values).reshape(len(dm), -1) * dm).sum(axis=0) * 2
                auxiliary[axis, p] = 2 * fitted[p] * (values @ dm.ravel())
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
    packed, bounds = packed_pairs(matrix), auxiliary.ao_loc_nr()
    values = np.empty(bounds[-1])
    for first, last, _ in balance_partition(bounds, max(1, int(memory / (8 * len(packed))))):
        shells = (0, mol.nbas, 0, mol.nbas, first, last)
        integrals = df.incore.aux_e2(screened(mol), auxiliary, "int3c2e", aosym="s2ij", shls_slice=shells)
        values[bounds[first] : bounds[last]] = packed @ integrals
    return values


def _integrals_ip1(mol: gto.Mole, auxmol: gto.Mole, shells: tuple[int, ...]) -> np.ndarray:
    """Return (nabla i j|P) of a slice of shells as (3, auxiliary, j, i)."""
    atm, bas, env = gto.conc_env(mol._atm, mol._bas, mol._env, auxmol._atm, auxmol._bas, auxmol._env)
    integrals = gto.moleintor.getints3c("int3c2e_ip1_sph", atm, bas, env, shells, comp=3, aosym="s1")
    return integrals.transpose(0, 3, 2, 1)


def _per_atom(values: np.ndarray, mol: gto.Mole) -> np.ndarray:
    """Sum (3, functions) over the functions of each atom, shape (atoms, 3)."""
    return np.array([values[:, start:stop].sum(axis=1) for start, stop in mol.aoslice_by_atom()[:, 2:]])
