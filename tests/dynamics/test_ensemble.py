"""The calculator of several models, and dynamics that stops where they disagree."""

import numpy as np
import pytest
from ase.build import molecule
from ase.io import read
from tests import toys
from tests.dynamics.springs import Bonds

from densnet import DenSNetCalculator, EnsembleCalculator
from densnet.config import Simulation
from densnet.dynamics import md
from densnet.dynamics.field import ModelField
from densnet.errors import ConfigError, ModelError, SimulationError
from densnet.models.ensemble import Ensemble

SEEDS = (1, 2, 3)
SHORT = Simulation(lengths=[1], thermalisation=0.6, production=0.8, timestep=0.5, stride=2.0)


@pytest.fixture
def atoms(tmp_path):
    for seed in SEEDS:
        toys.model(seed).save(tmp_path / f"{seed}.pt")
    made = molecule("CH3OH")
    made.calc = EnsembleCalculator([tmp_path / f"{seed}.pt" for seed in SEEDS])
    return made


def of_each(atoms, ask):
    values = []
    for seed in SEEDS:
        alone = atoms.copy()
        alone.calc = DenSNetCalculator(toys.model(seed))
        values.append(ask(alone))
    return np.array(values)


def test_one_file_is_no_ensemble(atoms, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ModelError, match=r"an ensemble of 1 model\(s\)"):
        EnsembleCalculator(str(tmp_path / "1.pt"))
    with pytest.raises(ModelError, match=r"an ensemble of 1 model\(s\)"):
        EnsembleCalculator(DenSNetCalculator(tmp_path / "1.pt").model)
    with pytest.raises(ModelError, match="PyTorch finds no GPU"):
        EnsembleCalculator([tmp_path / "1.pt", tmp_path / "2.pt"], device="gpu")
    assert DenSNetCalculator(tmp_path / "1.pt", device="cpu").model.free_energy.device.type == "cpu"


def test_means_and_deviations_of_the_models(atoms):
    for ask, name in (("get_potential_energy", "energy"), ("get_forces", "forces"), ("get_dipole_moment", "dipole")):
        each = of_each(atoms, lambda alone, ask=ask: getattr(alone, ask)())
        assert getattr(atoms, ask)() == pytest.approx(each.mean(0), rel=1e-5, abs=1e-5)
        assert atoms.calc.results[f"{name}_std"] == pytest.approx(each.std(0, ddof=1), rel=1e-3, abs=1e-4)
        assert np.all(atoms.calc.get_property(f"{name}_std", atoms) == atoms.calc.results[f"{name}_std"])


def test_density_and_its_deviation(atoms):
    points = np.random.default_rng(0).normal(size=(20, 3))
    each = of_each(atoms, lambda alone: alone.calc.get_density(points))
    assert atoms.calc.get_density_std(points) == pytest.approx(each.std(0, ddof=1), rel=1e-4, abs=1e-6)
    assert atoms.calc.get_density(points) == pytest.approx(each.mean(0), rel=1e-4)
    assert atoms.calc.get_density_std(points).max() > 1e-3
    atoms.positions[0] += 0.1
    assert not np.allclose(atoms.calc.get_density_std(points), each.std(0, ddof=1))  # of where the atoms are now


def test_forces_are_derivatives_of_the_mean_energy(atoms):
    forces, step = atoms.get_forces(), 5e-3
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.calc = atoms.calc
        moved.positions[1, 2] += sign * step
        energies.append(moved.get_potential_energy())
    assert (energies[1] - energies[0]) / (2 * step) == pytest.approx(forces[1, 2], abs=5e-3 * np.abs(forces).max())


def test_the_deviation_of_dynamics_is_that_of_the_worst_atom():
    start = molecule("CH3OH")
    ensemble = Ensemble([toys.model(seed) for seed in SEEDS])
    each = of_each(start, lambda alone: alone.get_forces())
    expected = np.sqrt((each.std(0, ddof=1) ** 2).sum(-1)).max()
    assert ModelField(ensemble, start.get_chemical_symbols())(start.positions).deviation == pytest.approx(
        expected, 1e-3
    )
    assert ModelField(toys.model(), start.get_chemical_symbols())(start.positions).deviation is None


def disagreeing(field, after):
    """Springs whose models disagree after some steps."""
    return lambda positions: field(positions)._replace(deviation=0.9 if field.calls > after else 0.1)


def test_dynamics_stops_where_the_models_disagree(tmp_path):
    field, limited = Bonds(molecule("H2O")), SHORT.model_copy(update={"max_deviation": 0.5})
    with pytest.raises(SimulationError, match=r"a\.h5: stopped at step 50 .*deviate by 0\.9 eV/Å, more than 0\.5"):
        md.run(disagreeing(field, 50), field.atoms, limited, 7, tmp_path / "a.h5")
    assert len(read(tmp_path / "a.h5.last.xyz")) == 3
    field.calls = 0
    md.run(disagreeing(field, 50), field.atoms, SHORT, 7, tmp_path / "b.h5")  # nobody asked


def test_a_resumed_run_still_watches_the_deviation(tmp_path):
    field, limited = Bonds(molecule("H2O")), SHORT.model_copy(update={"max_deviation": 0.5})

    def killed(positions):
        if field.calls > 700:
            raise KeyboardInterrupt
        return field(positions)._replace(deviation=0.1)

    with pytest.raises(KeyboardInterrupt):
        md.run(killed, field.atoms, limited, 7, tmp_path / "a.h5")
    field.calls = 0
    with pytest.raises(SimulationError, match="stopped at step 600 "):  # 500 were kept
        md.run(disagreeing(field, 99), field.atoms, limited, 7, tmp_path / "a.h5")


def test_a_single_model_has_no_deviation_to_watch(tmp_path):
    field = Bonds(molecule("H2O"))
    with pytest.raises(ConfigError, match=r"simulation\.max_deviation: one model does not deviate"):
        md.run(field, field.atoms, SHORT.model_copy(update={"max_deviation": 0.5}), 7, tmp_path / "a.h5")
