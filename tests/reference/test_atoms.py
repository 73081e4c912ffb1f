"""Free atoms: spherical, complete, and the same in both of their forms."""

import numpy as np
import pytest
from ase.units import Bohr
from pyscf.dft import numint
from tests.reference.water import LEVEL, SVP, rattled

from densnet.errors import DataError
from densnet.reference import method
from densnet.reference.atoms import PriorMatrices, free_atoms


@pytest.fixture(scope="module")
def atoms():
    return free_atoms(["S", "O", "C", "H"], SVP)


@pytest.mark.parametrize(("symbol", "electrons"), [("H", 1), ("C", 6), ("O", 8), ("S", 16)])
def test_density_integrates_to_the_nuclear_charge(atoms, symbol, electrons):
    r = np.linspace(0, 15, 200001)
    density = atoms.atoms[symbol].density(r)
    assert np.trapezoid(4 * np.pi * r**2 * density, r) == pytest.approx(electrons, abs=1e-6)
    assert density.min() >= 0


def test_radial_form_is_the_orbital_form(atoms):
    frame = rattled("CH3SH")
    mol = method.molecule(frame, SVP)
    points = np.random.default_rng(0).normal(size=(200, 3)) * 2 + frame.positions.mean(axis=0)
    matrix = PriorMatrices(list(frame.symbols), SVP).density_matrix(mol)
    exact = numint.eval_rho(mol, mol.eval_gto("GTOval_sph", points / Bohr), matrix) / Bohr**3
    np.testing.assert_allclose(atoms.density(list(frame.symbols), frame.positions, points), exact, atol=1e-12)
    assert np.trace(matrix @ mol.intor("int1e_ovlp")) == pytest.approx(mol.nelectron, abs=1e-10)


def test_density_is_spherical():
    block = PriorMatrices(["O"], SVP).blocks["O"]
    p = block[3:6, 3:6]  # def2-SVP oxygen: three s, then two p shells
    np.testing.assert_allclose(p, np.eye(3) * p[0, 0], atol=1e-10)


def test_energy_is_that_of_the_level(atoms):
    assert atoms.level == {"xc": "PBE", "basis": "def2-SVP"}
    assert -38.1 < atoms.atoms["C"].energy < -37.5


def test_free_atoms_of_another_level_are_refused(atoms):
    with pytest.raises(DataError, match="another level of theory"):
        PriorMatrices(["H"], LEVEL).check(atoms)
    PriorMatrices(["H"], SVP).check(atoms)
