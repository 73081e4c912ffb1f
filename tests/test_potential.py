"""The electrostatic potential against what defines it: Poisson's equation, multipoles far away, PySCF's integrals."""

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Bohr, Hartree
from tests import toys

from densnet import observables
from densnet.potential import electrostatic_potential

COULOMB = Hartree * Bohr  # V Å per e


@pytest.fixture(scope="module")
def case():
    atoms, basis = molecule("CH3OH"), toys.basis()
    symbols = atoms.get_chemical_symbols()
    coefficients = np.random.default_rng(4).normal(0, 0.05, basis.offsets(symbols)[-1])
    charges = basis.charges(symbols)
    coefficients -= charges * (charges @ coefficients) / (charges @ charges)
    return basis, toys.free_atoms(), symbols, atoms.positions, coefficients


def test_poisson_equation(case):
    points, step = np.random.default_rng(0).uniform(-1.5, 2.0, (40, 3)), 5e-3
    distances = np.linalg.norm(points[:, None] - case[3], axis=-1)
    points = points[distances.min(axis=1) > 0.3]  # away from nuclei, whose charge is a point
    shifts = step * np.concatenate([np.eye(3), -np.eye(3)])
    around = [electrostatic_potential(*case, points + shift) for shift in shifts]
    laplacian = (sum(around) - 6 * electrostatic_potential(*case, points)) / step**2
    density = observables.density(*case, points)
    assert len(points) > 20
    assert laplacian == pytest.approx(4 * np.pi * COULOMB * density, rel=1e-3, abs=1e-2)


def test_far_away_it_is_that_of_dipole_and_quadrupole(case):
    basis, _, symbols, positions, coefficients = case
    directions = np.random.default_rng(1).normal(size=(20, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    far = 200.0
    dipole = observables.dipole(basis, symbols, positions, coefficients)
    second = observables.traceless(observables.quadrupole(*case))
    expected = directions @ dipole / far**2 + np.einsum("pi,ij,pj->p", directions, second, directions) / far**3
    found = electrostatic_potential(*case, far * directions)
    assert found == pytest.approx(COULOMB * expected, abs=1e-3 * np.abs(COULOMB * expected).max())


def test_auxiliary_functions_against_pyscf(case):
    from pyscf import gto

    from densnet.integrals import auxiliary_molecule

    basis, _, symbols, positions, coefficients = case
    points = np.random.default_rng(2).uniform(-2, 2, (7, 3))
    mol = gto.M(atom=list(zip(symbols, positions, strict=True)), basis="sto-3g", verbose=0)
    charges, auxiliary = gto.fakemol_for_charges(points / Bohr), auxiliary_molecule(mol, basis)
    integrals = gto.mole.intor_cross("int2c2e_sph", charges, auxiliary)
    exact = integrals @ (basis.from_pyscf_order(symbols).T @ coefficients)
    nothing = 0 * coefficients
    found = electrostatic_potential(*case, points) - electrostatic_potential(*case[:4], nothing, points)
    assert found == pytest.approx(-Hartree * exact, rel=1e-6, abs=1e-6)


def test_it_is_finite_at_a_nucleus(case):
    at_oxygen = electrostatic_potential(*case, case[3])
    assert np.isfinite(at_oxygen).all()
    assert at_oxygen.min() > 100
