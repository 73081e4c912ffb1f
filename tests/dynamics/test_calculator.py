"""The ASE calculator: derivatives against finite differences, the public face, refusals."""

import numpy as np
import pytest
from ase.build import molecule
from tests import toys

from densnet import DenSNetCalculator, observables
from densnet.errors import ModelError


@pytest.fixture
def atoms():
    found = molecule("CH3OH")
    found.rattle(0.05, seed=2)
    found.calc = DenSNetCalculator(toys.model())
    return found


def central(atoms, function, step=5e-3):
    rows = []
    for index in np.ndindex(len(atoms), 3):
        values = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index] += sign * step
            moved.calc = atoms.calc
            values.append(function(moved))
        rows.append((np.asarray(values[0]) - values[1]) / (2 * step))
    return np.array(rows)


def test_forces_and_second_derivatives(atoms):
    forces, calc = atoms.get_forces(), atoms.calc
    scale = np.abs(forces).max()
    assert -central(atoms, lambda a: a.get_potential_energy()).reshape(-1, 3) == pytest.approx(forces, abs=5e-3 * scale)
    hessian = calc.get_hessian(atoms)
    numeric = -central(atoms, lambda a: a.get_forces().ravel())
    assert hessian == pytest.approx(numeric, abs=1e-2 * np.abs(hessian).max())
    derivatives = calc.get_dipole_derivatives(atoms)
    assert derivatives.shape == (18, 3)
    assert derivatives == pytest.approx(
        central(atoms, lambda a: a.get_dipole_moment()), abs=1e-2 * np.abs(derivatives).max()
    )


def test_dipole_is_that_of_the_density(atoms):
    dipole = atoms.get_dipole_moment()
    again = observables.dipole(
        atoms.calc.model.basis, atoms.get_chemical_symbols(), atoms.positions, atoms.calc.coefficients
    )
    assert np.linalg.norm(dipole) > 1e-3
    assert dipole == pytest.approx(again, abs=1e-5)


def test_density_counts_the_electrons_and_follows_the_atoms():
    atoms = molecule("H2O")
    atoms.calc = DenSNetCalculator(toys.model())
    axis = np.arange(-7.0, 7.0, 0.28)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    rho = atoms.calc.get_density(points)  # before anything else was asked for
    assert rho.sum() * 0.28**3 == pytest.approx(10, abs=1e-2)
    atoms.positions += [0.0, 0.0, 0.28]
    moved = atoms.calc.get_density(points + np.array([0.0, 0.0, 0.28]))
    assert moved == pytest.approx(rho, abs=1e-4 * rho.max())


def test_quadrupole_and_density_difference_are_those_of_the_density():
    atoms = molecule("H2O")
    atoms.positions += [0.3, -0.2, 0.4]
    atoms.calc = calc = DenSNetCalculator(toys.model())
    axis = np.arange(-7.0, 7.0, 0.28)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    rho = calc.get_density(points)
    second = (atoms.positions.T * atoms.numbers) @ atoms.positions - (points.T * rho) @ points * 0.28**3
    assert calc.get_quadrupole() == pytest.approx(second, abs=2e-2)
    free = toys.free_atoms().density(atoms.get_chemical_symbols(), atoms.positions, points)
    difference = calc.get_density_difference(points)
    assert np.abs(difference).max() > 1e-3
    assert difference == pytest.approx(rho - free, abs=1e-10)


def test_model_file_round_trip(atoms, tmp_path):
    atoms.calc.model.save(tmp_path / "model.pt")
    again = atoms.copy()
    again.calc = DenSNetCalculator(tmp_path / "model.pt")
    assert again.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
    assert again.get_forces() == pytest.approx(atoms.get_forces(), abs=1e-5)


def test_unknown_element_is_refused():
    atoms = molecule("CH3Cl")
    atoms.calc = DenSNetCalculator(toys.model())
    with pytest.raises(ModelError, match=r"model knows .*; structure has Cl"):
        atoms.get_potential_energy()


def test_a_calculator_without_structure_says_so():
    with pytest.raises(ModelError, match=r"atoms\.calc"):
        DenSNetCalculator(toys.model()).get_density(np.zeros((1, 3)))
