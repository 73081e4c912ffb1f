"""Analytic Hessian and dipole derivatives of the mean field: coupled-perturbed Kohn-Sham equations, solved by PySCF.

PySCF leaves out how the grid moves with the atoms, which shows in the soft modes: on the grid of labels out-of-plane
modes of thiophene are 10 to 25 cm^-1 off, where differences of gradients on that grid are within 1 (`FINE` grids cure
it, at twice the time). Nothing can be kept of a job that is killed.
"""

from __future__ import annotations

import logging

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from pyscf import gto
from pyscf.hessian import rks  # noqa: F401 - registers the Hessian

from densnet.config import Reference
from densnet.reference import method
from densnet.reference.convergence import coarse_start, converge
from densnet.reference.gpu import on_gpu
from densnet.reference.level import dispersion

log = logging.getLogger(__name__)

FINE = 4, 1e-10
"""Least grid level, and the threshold of the self-consistent field, Hartree."""
STEP = 1e-3
"""Bohr; the dispersion gradient is differentiated numerically."""


def analytic_hessian(atoms: Atoms, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the Hessian (3 atoms, 3 atoms), eV/Angstrom^2, and the dipole derivatives (3 atoms, 3), e.

    With the orbitals' response :math:`C^{(1)}` to a nuclear displacement, that of the density is
    :math:`D^{(1)} = 2 (C^{(1)} C^T + C C^{(1)T})` and the derivative of the dipole
    :math:`Z - \mathrm{tr}\,D^{(1)} r - \mathrm{tr}\,D r^{(1)}` (Pople et al., Int. J. Quantum Chem. S13, 225, 1979).

    Raises
    ------
    ConvergenceError
        When the self-consistent field does not converge.
    """
    if on_gpu(reference.device):
        log.warning("the analytic Hessian is computed on the CPU; harmonic.hessian: differences would use the GPU")
        reference = reference.model_copy(update={"device": "cpu"})
    mf = _converged(atoms, reference)
    made = mf.Hessian()
    made.verbose = 0
    orbitals = mf.mo_energy, mf.mo_coeff, mf.mo_occ
    perturbed = made.make_h1(mf.mo_coeff, mf.mo_occ)
    response, energies = made.solve_mo1(*orbitals, perturbed)
    second = made.hess_elec(*orbitals, response, energies, perturbed) + made.hess_nuc(mf.mol)
    size = 3 * mf.mol.natm
    second = np.asarray(second).transpose(0, 2, 1, 3).reshape(size, size)
    if reference.dispersion:
        second = second + _dispersion_hessian(mf.mol, reference.xc)
    return second * (Hartree / Bohr**2), _dipole_derivatives(mf, response)


def _converged(atoms: Atoms, reference: Reference) -> method.MeanField:
    """Return PySCF's own mean field, started from ours, with the bare tables that the response needs."""
    level, tight = max(reference.grid_level, FINE[0]), min(reference.conv_tol, FINE[1])
    fast = method.mean_field(atoms, reference, level, tight)
    converge(fast, coarse_start(fast, reference))
    mf = method.mean_field(fast.mol, reference.model_copy(update={"shortcuts": []}), level, tight)
    converge(mf, method.density_matrix(fast))
    return mf


def _dipole_derivatives(mf: method.MeanField, response: dict[int, np.ndarray] | list[np.ndarray]) -> np.ndarray:
    mol, dm = mf.mol, method.density_matrix(mf)
    occupied = mf.mo_coeff[:, mf.mo_occ > 0]
    positions = mol.intor("int1e_r", comp=3)
    moved = mol.intor("int1e_irp", comp=9).reshape(3, 3, mol.nao, mol.nao)  # <i| r_a nabla_b |j>
    derivatives = np.empty((mol.natm, 3, 3))
    for atom, (start, stop) in enumerate(mol.aoslice_by_atom()[:, 2:]):
        mixed = 4 * np.einsum("bpi,qi->bpq", np.asarray(response[atom]), occupied)
        derivatives[atom] = mol.atom_charge(atom) * np.eye(3) - np.einsum("apq,bpq->ba", positions, mixed)
        derivatives[atom] += 2 * np.einsum("abpq,pq->ba", moved[..., start:stop], dm[:, start:stop])
    return derivatives.reshape(-1, 3)


def _dispersion_hessian(mol: gto.Mole, xc: str) -> np.ndarray:
    rows = []
    for step in np.eye(3 * mol.natm).reshape(-1, mol.natm, 3) * STEP:
        ends = (mol.set_geom_(mol.atom_coords() + sign * step, unit="Bohr", inplace=False) for sign in (1, -1))
        above, below = (dispersion(end, xc)[1].ravel() for end in ends)
        rows.append((above - below) / (2 * STEP))
    return (np.array(rows) + np.array(rows).T) / 2
