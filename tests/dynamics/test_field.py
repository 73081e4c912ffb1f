"""The model as the force field of dynamics."""

import numpy as np
import pytest
from ase.build import molecule
from tests import toys

from densnet.config import Simulation
from densnet.dynamics import h5md, md
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.dynamics.field import ModelField
from densnet.dynamics.replica import Start


def test_same_numbers_as_the_calculator():
    atoms = molecule("CH3OH")
    atoms.calc = DenSNetCalculator(toys.model())
    point = ModelField(toys.model(), atoms.get_chemical_symbols())(atoms.positions)
    assert point.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
    assert point.forces == pytest.approx(atoms.get_forces(), abs=1e-7)
    assert point.dipole == pytest.approx(atoms.get_dipole_moment(), abs=1e-7)


@pytest.mark.parametrize("number", [1, 3])
def test_a_model_that_is_killed_resumes_on_the_same_bits(tmp_path, monkeypatch, number):
    monkeypatch.setattr(md, "CHECKPOINT", 20)
    settings = Simulation(lengths=[1], thermalisation=2e-4, production=6e-4, timestep=0.01, stride=0.04)
    model, atoms = toys.model(), molecule("CH3OH")

    def run(name):
        return md.run_together(model, [Start(atoms, k, tmp_path / f"{name}{k}.h5") for k in range(number)], settings)

    whole = run("whole")

    honest, calls = model.properties, 0

    def failing(graph):
        nonlocal calls
        calls += 1
        if calls > 55:
            raise KeyboardInterrupt
        return honest(graph)

    monkeypatch.setattr(model, "properties", failing)
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    monkeypatch.setattr(model, "properties", honest)
    for one, other in zip(whole, run("killed"), strict=True):
        for name in h5md.UNITS:
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_a_batch_gives_what_each_gives_alone():
    atoms, rng = molecule("CH3OH"), np.random.default_rng(5)
    field = ModelField(toys.model(), atoms.get_chemical_symbols())
    geometries = [atoms.positions + rng.normal(0, 0.05, (6, 3)) for _ in range(4)]
    for found, geometry in zip(field.together(geometries), geometries, strict=True):
        alone = field(geometry)
        assert found.energy == pytest.approx(alone.energy, abs=1e-6)
        assert found.forces == pytest.approx(alone.forces, abs=1e-5)
        assert found.dipole == pytest.approx(alone.dipole, abs=1e-5)
