"""Exchange-correlation on the Becke grid, with the orbital values kept for the whole self-consistent field.

PySCF evaluates the atomic orbitals again in every cycle. Here each block of neighbouring grid points keeps the values
of the orbitals that reach it, so that a cycle is a few dense matrix products of small matrices.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from pyscf import dft, gto, lib
from pyscf.dft import gen_grid, numint

log = logging.getLogger(__name__)

BLOCK = 5 * gen_grid.BLKSIZE
"""Grid points in a block: its orbital values stay in the processor's cache."""
NEGLIGIBLE = 1e-9
"""Orbitals with |value| sqrt(weight) below this everywhere in a block are left out of it."""
UNREACHED = 1e-13
"""Shells estimated to be smaller than this everywhere in a block are not even computed there."""

SECOND = np.array([[4, 5, 6], [5, 7, 8], [6, 8, 9]])
"""Where PySCF puts the second derivative with respect to two axes."""


@dataclass(frozen=True)
class Block:
    """Orbital values on neighbouring grid points.

    Attributes
    ----------
    points
        The block's slice of the grid.
    orbitals
        Indices of the orbitals that reach the block, shape (orbitals,).
    values
        Values and Cartesian derivatives, shape (components, orbitals, points).
    """

    points: slice
    orbitals: np.ndarray
    values: np.ndarray


def blocks(mol: gto.Mole, grids: dft.gen_grid.Grids, derivatives: int) -> Iterator[Block]:
    """Yield the blocks of a grid with the orbitals and their derivatives up to an order."""
    roots, sizes = np.sqrt(np.abs(grids.weights)), np.diff(mol.ao_loc_nr())
    reached = gen_grid.make_screen_index(mol, grids.coords, cutoff=UNREACHED)
    for start in range(0, len(roots), BLOCK):
        points = slice(start, min(start + BLOCK, len(roots)))
        shells = reached[start // gen_grid.BLKSIZE : -(-points.stop // gen_grid.BLKSIZE)]
        values = mol.eval_gto(f"GTOval_sph_deriv{derivatives}", grids.coords[points], non0tab=shells)
        values = values.reshape(-1, *values.shape[-2:]).transpose(0, 2, 1)
        orbitals = np.flatnonzero(np.repeat(shells.any(axis=0), sizes))
        values = values[:, orbitals]
        large = (np.abs(values).max(axis=0) * roots[points]).max(axis=1) > NEGLIGIBLE
        yield Block(points, orbitals[large], values if large.all() else np.ascontiguousarray(values[:, large]))


def block_density(block: Block, dm: np.ndarray) -> np.ndarray:
    """Return the density (and its gradient) on a block, shape (components, points)."""
    values = block.values[:4]
    density = np.einsum("cig,ig->cg", values, dm[np.ix_(block.orbitals, block.orbitals)] @ values[0])
    density[1:] *= 2
    return density


def scaled(values: np.ndarray, potential: np.ndarray) -> np.ndarray:
    """Return the sum over components of orbital values times a potential, shape (orbitals, points)."""
    return numint._scale_ao(values.transpose(0, 2, 1), potential).T


class CachedNumInt(numint.NumInt):
    """PySCF's numerical integrator for one molecule and one grid, with cached orbital values.

    Serves closed-shell LDA and GGA functionals; everything else goes to PySCF's own methods. Where the values do not
    fit into memory (PYSCF_MAX_MEMORY, in MB) they are computed block by block in every cycle.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cache: tuple[np.ndarray, list[Block]] | None = None

    def serves(self, mol: gto.Mole, xc: str) -> bool:
        """Return whether the cached path computes this functional."""
        return self._xc_type(xc) in ("LDA", "GGA") and not mol.cart

    def blocks(self, mol: gto.Mole, grids: dft.gen_grid.Grids, xc: str) -> Iterable[Block]:
        """Return the blocks of a grid, computed once if they can be kept."""
        derivatives = 1 if self._xc_type(xc) == "GGA" else 0
        if self._cache is None or self._cache[0] is not grids.coords:
            kept, size = [], 0.0
            for block in blocks(mol, grids, derivatives):
                kept.append(block)
                size += block.values.nbytes * 1e-6
                if size > mol.max_memory:
                    log.info("orbital values on the grid exceed %.0f MB and are not kept", mol.max_memory)
                    kept = []
                    break
            self._cache = grids.coords, kept
        return self._cache[1] or blocks(mol, grids, derivatives)

    def potential(
        self, mol: gto.Mole, grids: dft.gen_grid.Grids, xc: str, dm: np.ndarray
    ) -> tuple[float, float, np.ndarray]:
        """Return electrons, exchange-correlation energy and weighted potential on the grid.

        The potential, shape (components, points), is that of the density and its gradient; the density's part is
        halved because the matrix built from it is symmetrised afterwards.
        """
        dm, weights = np.asarray(dm), grids.weights
        density = np.concatenate([block_density(block, dm) for block in self.blocks(mol, grids, xc)], axis=1)
        energy, potential = self.eval_xc_eff(xc, density, deriv=1, xctype=self._xc_type(xc))[:2]
        potential = np.atleast_2d(potential) * weights
        potential[0] *= 0.5
        weighted = density[0] * weights
        return float(weighted.sum()), float(weighted @ np.ravel(energy)), potential

    def nr_rks(  # noqa: D102 - PySCF's interface
        self,
        mol: gto.Mole,
        grids: dft.gen_grid.Grids,
        xc_code: str,
        dms: np.ndarray,
        relativity: int = 0,
        hermi: int = 1,
        max_memory: float = 2000,
        verbose: int | None = None,
    ) -> tuple[float, float, np.ndarray]:
        if np.ndim(dms) != 2 or hermi != 1 or not self.serves(mol, xc_code):
            return super().nr_rks(mol, grids, xc_code, dms, relativity, hermi, max_memory, verbose)
        electrons, energy, potential = self.potential(mol, grids, xc_code, dms)
        matrix = np.zeros((mol.nao, mol.nao))
        for block in self.blocks(mol, grids, xc_code):
            weighted = scaled(block.values, potential[:, block.points])
            matrix[np.ix_(block.orbitals, block.orbitals)] += block.values[0] @ weighted.T
        return electrons, energy, lib.hermi_sum(matrix)

    def gradient(self, mol: gto.Mole, grids: dft.gen_grid.Grids, xc: str, dm: np.ndarray) -> np.ndarray:
        r"""Return the derivative of the exchange-correlation energy with respect to the nuclei, at a fixed grid.

        The density matrix is contracted before the sum over the grid, which leaves elementwise products where PySCF
        builds three matrices: with the weighted potential v and :math:`\phi = D\chi`,
        :math:`-2\sum_g \nabla\chi_\mu (v_0\phi_\mu + (D\,v\chi)_\mu) + \nabla\nabla\chi_\mu\, v\,\phi_\mu`.

        Returns
        -------
        numpy.ndarray
            (atoms, 3), Hartree/bohr.
        """
        dm = np.asarray(dm)
        _, _, potential = self.potential(mol, grids, xc, dm)
        orbital = np.zeros((3, mol.nao))
        for block in blocks(mol, grids, 2 if self._xc_type(xc) == "GGA" else 1):
            weights, local = potential[:, block.points], dm[np.ix_(block.orbitals, block.orbitals)]
            density = local @ block.values[0]
            first = weights[0] * density + local @ scaled(block.values[: len(weights)], weights)
            second = weights[1:, None] * density
            for axis in range(3):
                total = np.einsum("ig,ig->i", block.values[1 + axis], first)
                for other, factor in enumerate(second):
                    total += np.einsum("ig,ig->i", block.values[SECOND[axis, other]], factor)
                orbital[axis, block.orbitals] -= 2 * total
        return np.array([orbital[:, start:stop].sum(axis=1) for start, stop in mol.aoslice_by_atom()[:, 2:]])
