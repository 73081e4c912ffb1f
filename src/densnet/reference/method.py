"""Density-fitted Kohn-Sham mean field: energy, gradient, dipole and density of one structure.

The same numbers as PySCF's own (1e-8 Hartree, 1e-6 Hartree/bohr), several times faster for pure functionals: see
`densnet.reference.grid` and `densnet.reference.coulomb`. Hybrid and meta-GGA functionals take PySCF's own path.
"""

from __future__ import annotations

import os

import numpy as np
import pyscf.df.grad.rks  # noqa: F401 - registers the density-fitted gradient
from ase import Atoms
from ase.units import Bohr
from pyscf import dft, gto, scf

from densnet.config import Reference
from densnet.errors import CalculationError
from densnet.reference.coulomb import CachedDF
from densnet.reference.gpu import on_gpu, to_numpy
from densnet.reference.grid import CachedNumInt
from densnet.reference.level import check_level, dispersion

MeanField = scf.hf.SCF


def molecule(atoms: Atoms, reference: Reference) -> gto.Mole:
    """Return the neutral closed-shell PySCF molecule of a structure.

    Raises
    ------
    CalculationError
        When the number of electrons is odd.
    ConfigError
        When an element has no basis.
    """
    if sum(atoms.numbers) % 2:
        raise CalculationError(
            f"{atoms.get_chemical_formula()}: odd number of electrons; only closed shells are served"
        )
    check_level(reference, list(atoms.symbols))
    geometry = list(zip(atoms.get_chemical_symbols(), atoms.positions / Bohr, strict=True))
    memory = float(os.environ.get("PYSCF_MAX_MEMORY", gto.Mole.max_memory))  # which PySCF reads once, on import
    return gto.M(atom=geometry, unit="B", basis=reference.basis, verbose=0, max_memory=memory)


def mean_field(
    structure: Atoms | gto.Mole,
    reference: Reference,
    grid_level: int | None = None,
    conv_tol: float | None = None,
) -> MeanField:
    """Return the unconverged mean field of a structure.

    Parameters
    ----------
    structure
        Structure, or its PySCF molecule.
    reference
        Level of theory.
    grid_level, conv_tol
        Values that replace those of ``reference``, as when propagating.

    Returns
    -------
    pyscf.scf.hf.SCF
        On a GPU when the study wants one and gpu4pyscf finds it; stock gpu4pyscf in that case.
    """
    mol = molecule(structure, reference) if isinstance(structure, Atoms) else structure
    mf = dft.RKS(mol, xc=reference.xc)
    fast = not on_gpu(reference.device) and _pure(mf)
    kept = CachedDF(mol, reference.coulomb_basis) if fast and "coulomb" in reference.shortcuts else None
    mf = mf.density_fit(auxbasis=reference.coulomb_basis, with_df=kept)
    mf.grids.level = reference.grid_level if grid_level is None else grid_level
    mf.conv_tol = reference.conv_tol if conv_tol is None else conv_tol
    mf.max_cycle, mf.chkfile = reference.max_cycle, None
    if fast and "grid" in reference.shortcuts:
        mf._numint = CachedNumInt()
    return mf.to_gpu() if on_gpu(reference.device) else mf


def _pure(mf: MeanField) -> bool:
    """Return whether the functional is an LDA or GGA without exact exchange or non-local correlation."""
    numint = mf._numint
    return numint._xc_type(mf.xc) in ("LDA", "GGA") and not numint.libxc.is_hybrid_xc(mf.xc) and not mf.do_nlc()


def energy(mf: MeanField, reference: Reference) -> float:
    """Return the total energy of a converged mean field with dispersion, Hartree."""
    return float(mf.e_tot) + (dispersion(mf.mol, reference.xc)[0] if reference.dispersion else 0.0)


def gradient(mf: MeanField, reference: Reference) -> np.ndarray:
    """Return the derivative of `energy` with respect to the nuclei, Hartree/bohr, shape (atoms, 3)."""
    if isinstance(getattr(mf, "_numint", None), CachedNumInt) and isinstance(getattr(mf, "with_df", None), CachedDF):
        total = _direct_gradient(mf)
    else:
        stock = mf.nuc_grad_method()
        stock.verbose = 0
        total = to_numpy(stock.kernel())
    return total + dispersion(mf.mol, reference.xc)[1] if reference.dispersion else total


def _direct_gradient(mf: MeanField) -> np.ndarray:
    mol, dm = mf.mol, mf.make_rdm1()
    mf.with_x2c = None  # PySCF would look for it in all of its modules, and importing those takes longer than this
    stock = mf.nuc_grad_method()
    weighted = stock.make_rdm1e(mf.mo_energy, mf.mo_coeff, mf.mo_occ)
    core, overlap = stock.hcore_generator(mol), stock.get_ovlp(mol)
    total = stock.grad_nuc() + mf.with_df.gradient(dm) + mf._numint.gradient(mol, mf.grids, mf.xc, dm)
    for atom, (start, stop) in enumerate(mol.aoslice_by_atom()[:, 2:]):
        total[atom] += np.einsum("xij,ij->x", core(atom), dm)
        total[atom] -= 2 * np.einsum("xij,ij->x", overlap[:, start:stop], weighted[start:stop])
    return total


def dipole(mf: MeanField) -> np.ndarray:
    """Return the dipole of a converged mean field about the origin, e bohr."""
    return to_numpy(mf.dip_moment(unit="AU", verbose=0))


def density_matrix(mf: MeanField) -> np.ndarray:
    """Return the density matrix of a converged mean field as a plain array, shape (orbitals, orbitals)."""
    return np.asarray(to_numpy(mf.make_rdm1()))
