"""Polar tensors: how the dipole of the mean field changes when an atom moves, from forces in a uniform field."""

from __future__ import annotations

import numpy as np
from pyscf import gto

from densnet.config import Reference
from densnet.reference import method
from densnet.reference.convergence import converge

FIELD = 5e-4
"""Atomic units (1 V/Angstrom is 0.0194). Errors grow with its square and steeply with the length of a chain: four times
as much field is 1.6 % off for six thiophene rings (STO-3G)."""
ORBITAL_GRADIENT = 0.03
"""Convergence threshold of the orbital gradient, times the root of that of the energy, which stops changing
before the forces do."""


def polar_tensors(mf: method.MeanField, reference: Reference) -> np.ndarray:
    r"""Return the polar tensors (atoms, 3, 3), e: of each atom, rows are its coordinates, columns those of the dipole.

    The derivative of the dipole by a coordinate is that of the force by a field,
    :math:`\partial\mu_a/\partial R = -\partial^2 E/\partial R\,\partial\mathcal{E}_a` (Komornicki and McIver, J. Chem.
    Phys. 70, 2014, 1979): six self-consistent fields give the derivatives by all coordinates of all atoms.

    Parameters
    ----------
    mf
        Converged mean field; it comes back in a field, converged.
    reference
        Its level of theory.

    Raises
    ------
    ConvergenceError
        When the self-consistent field does not converge in a field.
    """
    core, positions, free = mf.get_hcore(), mf.mol.intor("int1e_r", comp=3), method.density_matrix(mf)
    mf.conv_tol_grad = ORBITAL_GRADIENT * np.sqrt(mf.conv_tol)
    tensors = np.empty((mf.mol.natm, 3, 3))
    for axis, field in enumerate(FIELD * np.eye(3)):
        gradients, guess = [], free
        for sign in (1, -1):
            total = core + np.tensordot(sign * field, positions, 1)
            mf.get_hcore = lambda *_, total=total: total
            converge(mf, guess)
            gradients.append(method.gradient(mf, reference) + _of_the_field(mf, sign * field))
            guess = 2 * free - method.density_matrix(mf)  # the density changes by as much to the other side
        tensors[:, :, axis] = (gradients[1] - gradients[0]) / (2 * FIELD)
    return tensors


def _of_the_field(mf: method.MeanField, field: np.ndarray) -> np.ndarray:
    """Return the derivative by the nuclei of the energy in a field that `method.gradient` does not know of."""
    mol: gto.Mole = mf.mol
    moved = np.tensordot(field, mol.intor("int1e_irp", comp=9).reshape(3, 3, mol.nao, mol.nao), 1)
    products = np.einsum("bpq,pq->bq", moved, method.density_matrix(mf))  # <p| field.r nabla_b |q>
    slices = mol.aoslice_by_atom()[:, 2:]
    electrons = np.array([products[:, start:stop].sum(1) for start, stop in slices])
    return -2 * electrons - mol.atom_charges()[:, None] * field
