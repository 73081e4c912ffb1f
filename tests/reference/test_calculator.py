"""The ASE calculator and its density predictor."""

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.fd import calculate_numerical_forces
from scipy.linalg import sqrtm
from tests.reference.water import LEVEL, rattled

from densnet.reference import method
from densnet.reference.calculator import Predictor, ReferenceCalculator
from densnet.reference.convergence import converge


def path(steps):
    """A water molecule that rotates, stretches and drifts a little in each step."""
    start, rng = molecule("H2O"), np.random.default_rng(1)
    velocity = rng.normal(size=(3, 3)) * 0.01
    for k in range(steps):
        atoms = start.copy()
        atoms.positions += k * velocity
        atoms.rotate(2 * k, "z")
        yield atoms


def test_extrapolation_changes_cycles_and_nothing_else():
    tight = LEVEL.model_copy(update={"conv_tol": 1e-11})
    warm, cold = ReferenceCalculator(tight), ReferenceCalculator(tight.model_copy(update={"shortcuts": []}))
    cycles = []
    for atoms in path(7):
        for calculator in (warm, cold):
            atoms.calc = calculator
            calculator.get_potential_energy(atoms)
        assert abs(warm.results["energy"] - cold.results["energy"]) < 1e-7
        np.testing.assert_allclose(warm.results["forces"], cold.results["forces"], atol=1e-4)
        np.testing.assert_allclose(warm.results["dipole"], cold.results["dipole"], atol=1e-5)
        cycles.append((warm.cycles, cold.cycles))
    assert sum(w for w, _ in cycles[4:]) < sum(c for _, c in cycles[4:])


def test_forces_of_a_loose_trajectory_are_no_worse_than_without_extrapolation():
    loose = LEVEL.model_copy(update={"conv_tol": 1e-6})
    levels = loose.model_copy(update={"conv_tol": 1e-11}), loose, loose.model_copy(update={"shortcuts": []})
    tight, warm, cold = (ReferenceCalculator(level) for level in levels)
    errors = []
    for atoms in path(9):
        exact = tight.get_forces(atoms)
        errors.append([np.abs(calculator.get_forces(atoms) - exact).max() for calculator in (warm, cold)])
    extrapolated, stock = np.max(errors, axis=0)
    assert extrapolated < stock


def test_guess_is_idempotent_and_predicts():
    predictor = Predictor()
    errors = []
    for atoms in path(7):
        mf = method.mean_field(atoms, LEVEL)
        guess = predictor.guess(mf)
        converge(mf)
        exact, overlap = method.density_matrix(mf), mf.mol.intor("int1e_ovlp")
        if guess is not None:
            np.testing.assert_allclose(guess @ overlap @ guess, 2 * guess, atol=1e-10)
            assert np.trace(guess @ overlap) == pytest.approx(10)
            root = sqrtm(overlap)
            errors.append(np.linalg.norm(root @ (guess - exact) @ root))
        predictor.remember(mf, exact)
    assert errors[-1] < 0.1 * errors[0]


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_predictor_is_exact_for_what_does_not_move(steps):
    predictor = Predictor()
    predictor.history = [np.eye(2)] * steps
    assert predictor.coefficients().sum() == pytest.approx(1)
    if steps == 4:
        np.testing.assert_allclose(predictor.coefficients(), [2.8, -2.8, 1.2, -0.2])


def test_restored_history_continues_bitwise():
    atoms = list(path(5))
    unbroken = ReferenceCalculator(LEVEL)
    for structure in atoms[:4]:
        unbroken.get_potential_energy(structure)
    resumed = ReferenceCalculator(LEVEL)
    resumed.restore(unbroken.state())
    assert unbroken.get_potential_energy(atoms[4]) == resumed.get_potential_energy(atoms[4])
    assert (unbroken.results["forces"] == resumed.results["forces"]).all()


def test_forces_are_the_slope_of_the_energy():
    atoms = rattled()
    atoms.calc = ReferenceCalculator(LEVEL.model_copy(update={"grid_level": 4, "conv_tol": 1e-11}))
    numerical = calculate_numerical_forces(atoms, eps=1e-3, iatoms=[1])
    np.testing.assert_allclose(atoms.get_forces()[[1]], numerical, atol=2e-3)
