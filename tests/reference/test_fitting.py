"""The fit: exact where it must be, close where it can be, and turning with the molecule."""

import numpy as np
import pytest
import torch
from e3nn import o3
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation
from tests.reference.water import LEVEL, SVP, rattled

from densnet.basis import _pyscf_to_e3nn
from densnet.config import Basis
from densnet.integrals import auxiliary_molecule
from densnet.reference import auxiliary, fitting, method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.convergence import converge
from densnet.reference.grid_errors import auxiliary_density, becke, orbital_densities


@pytest.fixture(scope="module")
def water():
    atoms = rattled()
    mf = method.mean_field(atoms, SVP)
    converge(mf)
    symbols = list(atoms.symbols)
    basis = auxiliary.even_tempered(symbols, "def2-SVP", 2.0, 4)
    return atoms, mf.mol, method.density_matrix(mf), PriorMatrices(symbols, SVP).density_matrix(mf.mol), basis


def test_charge_and_dipole_are_exact(water):
    atoms, mol, matrix, prior, basis = water
    found = fitting.fit(mol, matrix - prior, basis)
    assert abs(found.charge_error) < 1e-8
    assert found.dipole_error < 1e-6
    # Said again without the code under test: nuclei and free atoms have no dipole, so the fit carries all of it.
    symbols = list(atoms.symbols)
    charges = basis.charges(symbols) * found.coefficients
    centres = np.repeat(mol.atom_coords(), np.diff(basis.offsets(symbols)), axis=0)
    dipole = -(charges @ centres + found.coefficients @ basis.dipoles(symbols))
    with mol.with_common_orig((0, 0, 0)):
        electrons = np.einsum("xij,ij->x", mol.intor("int1e_r"), matrix)
    expected = mol.atom_charges() @ mol.atom_coords() - electrons
    np.testing.assert_allclose(dipole, expected, atol=1e-8)
    assert abs(charges.sum()) < 1e-9


def test_a_larger_basis_is_closer(water):
    _, mol, matrix, prior, _ = water
    grids = becke(mol, 1)
    target = orbital_densities(mol, grids, matrix - prior)[0]
    errors = []
    for beta in (2.8, 2.0, 1.6):
        basis = auxiliary.even_tempered(["H", "O"], "def2-SVP", beta, 4)
        found = fitting.fit(mol, matrix - prior, basis)
        values = auxiliary_density(mol, basis, found.coefficients, grids)
        errors.append(np.abs(values - target) @ grids.weights / np.abs(target).dot(grids.weights))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.03


def test_fit_is_the_constrained_minimum(water):
    atoms, mol, matrix, prior, basis = water
    symbols = list(atoms.symbols)
    found = fitting.fit(mol, matrix - prior, basis).coefficients
    transform = basis.from_pyscf_order(symbols)
    auxmol = auxiliary_molecule(mol, basis)
    metric = transform @ auxmol.intor("int2c2e") @ transform.T
    target = transform @ fitting.projections(mol, auxmol, matrix - prior)
    constraints = fitting.moments(basis, symbols, mol.atom_coords())
    # At the minimum the gradient J c - b is a combination of the constraints.
    slope = metric @ found - target
    rest = slope - constraints.T @ np.linalg.lstsq(constraints.T, slope, rcond=None)[0]
    assert np.abs(rest).max() < 1e-6
    assert np.abs(slope).max() > 1e-6


def turning(l, turn):
    """The matrix that turns e3nn's components of one l."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return o3.Irrep(l, (-1) ** l).D_from_matrix(torch.as_tensor(turn)).numpy()
    finally:
        torch.set_default_dtype(default)


def test_turning_the_molecule_turns_the_coefficients(water):
    """Turns the density matrix itself, which leaves the grid of the mean field out of the comparison."""
    atoms, mol, matrix, prior, _ = water
    symbols = list(atoms.symbols)
    basis = auxiliary.even_tempered(symbols, "def2-SVP", 2.5, 4)
    turn = Rotation.random(rng=3).as_matrix()
    turned = atoms.copy()
    turned.positions = atoms.positions @ turn.T
    orbital = block_diag(*(turning(mol.bas_angular(shell), turn) for shell in range(mol.nbas)))
    change = block_diag(*(_pyscf_to_e3nn(mol.bas_angular(shell)) for shell in range(mol.nbas)))
    whole = change.T @ orbital @ change
    first = fitting.fit(mol, matrix - prior, basis).coefficients
    second = fitting.fit(method.molecule(turned, SVP), whole @ (matrix - prior) @ whole.T, basis).coefficients
    shells = [shell.l for symbol in symbols for shell in basis.of(symbol)]
    np.testing.assert_allclose(second, block_diag(*(turning(l, turn) for l in shells)) @ first, atol=1e-10)


def test_slices_of_integrals_do_not_matter(water, monkeypatch):
    _, mol, matrix, prior, basis = water
    whole = fitting.fit(mol, matrix - prior, basis).coefficients
    monkeypatch.setattr(fitting, "MEMORY", 8e3)
    np.testing.assert_allclose(fitting.fit(mol, matrix - prior, basis).coefficients, whole, atol=1e-12)


def test_fits_are_smooth_along_a_path():
    basis = auxiliary.build(["O", "H"], LEVEL, Basis(kind="even-tempered"))
    prior = PriorMatrices(["O", "H"], LEVEL)
    rows = []
    for shift in (-2e-3, -1e-3, 0, 1e-3, 2e-3):
        atoms = rattled()
        atoms.positions[1, 1] += shift
        mf = method.mean_field(atoms, LEVEL.model_copy(update={"conv_tol": 1e-11}))
        converge(mf)
        delta = method.density_matrix(mf) - prior.density_matrix(mf.mol)
        rows.append(fitting.fit(mf.mol, delta, basis).coefficients)
    slopes = np.diff(rows, axis=0)
    assert np.abs(np.diff(slopes, axis=0)).max() < 0.1 * np.abs(slopes).max()
