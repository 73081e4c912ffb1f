"""Minima and harmonic spectra, with springs in the place of the networks."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.constraints import FixAtoms
from tests.dynamics.springs import Bonds

from densnet.config import Molecule
from densnet.dynamics import vibrations
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.errors import SimulationError
from densnet.models.densnet import DenSNet
from densnet.spectra import harmonic
from densnet.symmetry import operations
from densnet.systems import build


class SpringCalculator(Calculator):
    """Springs as an ASE calculator with the derivatives of ours, by finite differences."""

    implemented_properties = ("energy", "forces", "dipole")

    def __init__(self, field):
        super().__init__()
        self.field = field

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = self.field(self.atoms.positions)._asdict()

    def get_hessian(self, atoms):
        rows = []
        for index in np.ndindex(atoms.positions.shape):
            step = np.zeros_like(atoms.positions)
            step[index] = 1e-4
            pulls = [self.field(atoms.positions + sign * step).forces for sign in (1, -1)]
            rows.append((pulls[1] - pulls[0]).ravel() / 2e-4)
        return np.array(rows)

    def get_dipole_derivatives(self, atoms):
        return np.kron(self.field.charges[:, None], np.eye(3))


@pytest.fixture
def water(monkeypatch):
    field = Bonds(molecule("H2O"))
    monkeypatch.setattr(vibrations, "DenSNetCalculator", lambda model: SpringCalculator(field))
    return field


def test_constraints_of_the_start_are_not_obeyed(water):
    start = water.atoms.copy()
    start.rattle(0.05, seed=1)
    start.set_constraint(FixAtoms([0, 1]))
    found = vibrations.harmonic_spectrum(None, start)
    reached = Atoms(found["symbols"], found["positions"])
    assert reached.get_all_distances() == pytest.approx(water.atoms.get_all_distances(), abs=1e-3)
    assert len(start.constraints) == 1


def test_modes_are_those_of_finite_differences():
    model, atoms = DenSNet.load("ethanol"), build(Molecule(name="ethanol"), 1)
    found = vibrations.harmonic_spectrum(model, atoms)
    at, calculator = Atoms(found["symbols"], found["positions"]), DenSNetCalculator(model.double())
    curvature, dipoles = [], []
    for index in np.ndindex(at.positions.shape):
        sides = []
        for sign in (1, -1):
            moved = at.copy()
            moved.positions[index] += sign * 0.005
            moved.calc = calculator
            sides.append((moved.get_forces().ravel(), moved.get_dipole_moment()))
        (f, d), (g, e) = sides
        curvature.append((g - f) / 0.01)
        dipoles.append((d - e) / 0.01)
    curvature = np.array(curvature)
    modes = harmonic.normal_modes((curvature + curvature.T) / 2, np.array(dipoles), at.positions, at.get_masses())
    assert found["frequencies"] == pytest.approx(modes.frequencies, abs=1.0)
    assert found["intensities"] == pytest.approx(modes.intensities, abs=0.5)


def test_spectrum_at_the_minimum(water):
    start = water.atoms.copy()
    start.rattle(0.05, seed=1)
    found = vibrations.harmonic_spectrum(None, start, length=1)
    reached = Atoms(found["symbols"], found["positions"])
    assert reached.get_all_distances() == pytest.approx(water.atoms.get_all_distances(), abs=1e-3)
    assert found["residual_force"] < vibrations.CONVERGED
    assert found["length"] == 1
    springs, atoms = SpringCalculator(water), water.atoms
    expected = harmonic.normal_modes(
        springs.get_hessian(atoms), springs.get_dipole_derivatives(atoms), atoms.positions, atoms.get_masses()
    )
    assert found["frequencies"] == pytest.approx(expected.frequencies, abs=1.0)
    assert found["intensities"] == pytest.approx(expected.intensities, rel=0.01)


@pytest.mark.parametrize("above", [1.0, -1.0])
def test_a_mode_faster_than_any_molecule_is_named(water, caplog, monkeypatch, above):
    fastest = vibrations.harmonic_spectrum(None, water.atoms)["frequencies"][-1]
    caplog.clear()
    monkeypatch.setattr(vibrations, "FASTEST", fastest - above)
    vibrations.harmonic_spectrum(None, water.atoms)
    assert (f"a mode at {fastest:.0f} cm^-1, faster than any molecule" in caplog.text) == (above > 0)


def test_a_saddle_point_is_left(water):
    # Straight water: forces along the bond only, so a minimiser stops between the two bent minima.
    straight = Atoms("OHH", [[0, 0, 0], [0, 0, 0.95], [0, 0, -0.95]])
    found = vibrations.harmonic_spectrum(None, straight)
    assert found["frequencies"][0] > 0
    assert Atoms(found["symbols"], found["positions"]).get_angle(1, 0, 2) == pytest.approx(
        water.atoms.get_angle(1, 0, 2), abs=0.5
    )


def test_a_bond_that_breaks_on_the_way_is_an_error(water):
    water.lengths[0] *= 1.7  # the springs' minimum is not the molecule any more
    with pytest.raises(SimulationError, match=r"bond O0-H1 is 1\.[67]\d times as long .* at the model's minimum"):
        vibrations.harmonic_spectrum(None, water.atoms)


def test_no_minimum_is_an_error(water):
    start = water.atoms.copy()
    start.rattle(0.1, seed=1)
    start.calc = SpringCalculator(water)
    with pytest.raises(SimulationError, match="no minimum after 2 steps"):
        vibrations.minimise(start, steps=2)


def test_modes_of_a_shipped_model_are_symmetric_though_it_computes_in_single_precision():
    """Of three rings, whose ends vibrate alike and opposed at nearly one wavenumber."""
    chain = build(Molecule(name="polythiophene", smiles="[*:1]c1ccc(s1)[*:2]"), 3, relax=False)
    found = vibrations.harmonic_spectrum(DenSNet.load("polythiophene"), chain)
    group = operations(found["positions"], chain.get_masses(), 1e-6)
    assert len(group) == 4
    modes = np.array(found["modes"])
    for operation in group:
        overlaps = np.einsum("kai,kai->k", operation(modes), modes)
        np.testing.assert_allclose(np.abs(overlaps), 1, atol=1e-5)
