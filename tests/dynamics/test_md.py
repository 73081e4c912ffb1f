"""Runs with a known force field: what is stored, what a kill changes (nothing), what is refused."""

import dataclasses

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.io import read
from tests.dynamics.springs import Bonds

from densnet.config import Simulation
from densnet.dynamics import h5md, md
from densnet.dynamics.integrator import maxwell_boltzmann
from densnet.dynamics.replica import Start
from densnet.errors import ConfigError, DataError, ModelError, SimulationError

SHORT = Simulation(lengths=[1], thermalisation=0.6, production=0.8, timestep=0.5, stride=2.0)
BRIEF = SHORT.model_copy(update={"thermalisation": 0.01, "production": 0.02})
STEPS = 60


class Killed(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


def killed_after(field, calls):
    def call(positions):
        if field.calls >= calls:
            raise Killed
        return field(positions)

    return call


def test_frames_times_and_momenta(tmp_path):
    field = Bonds(molecule("CH3OH"))
    found = md.run(field, field.atoms, SHORT, 7, tmp_path / "a.h5", parameters={"replica": 3})
    assert len(found.dipole) == 401
    assert found.interval == 2.0
    assert found.time[-1] == pytest.approx(800)
    masses = found.masses[:, None]
    assert np.abs((masses * found.velocity[-1]).sum(axis=0)).max() < 1e-6
    assert found.parameters["replica"] == 3
    assert found.parameters["seed"] == 7
    assert found.parameters.keys().isdisjoint({"lengths", "replicas", "batch"})  # of one trajectory they say nothing
    assert found.parameters["provenance"]["densnet"]
    bond = np.linalg.norm(found.position[:, 0] - found.position[:, 1], axis=1) / field.atoms.get_distance(0, 1)
    assert bond.max() <= found.parameters["largest_stretch"] < 1.5
    assert 100 < found.temperature.mean() < 600
    assert abs(found.drift()) < 1.0
    kinetic = 0.5 * (masses * (found.velocity / units.fs) ** 2).sum(axis=(1, 2))
    assert found.kinetic_energy == pytest.approx(kinetic, rel=1e-4)
    assert not list(tmp_path.glob("*.part"))


def test_a_killed_run_ends_on_the_same_bits(tmp_path):
    field = Bonds(molecule("CH3OH"))
    whole = md.run(field, field.atoms, SHORT, 7, tmp_path / "whole.h5")
    for calls in (700, 900, 1000):  # while thermalising, just after, while producing
        field.calls = 0
        with pytest.raises(Killed):
            md.run(killed_after(field, calls), field.atoms, SHORT, 7, tmp_path / "killed.h5")
        assert not (tmp_path / "killed.h5").exists()
    resumed = md.run(field, field.atoms, SHORT, 7, tmp_path / "killed.h5")
    for name in h5md.UNITS:
        assert np.array_equal(getattr(whole, name), getattr(resumed, name)), name
    again = h5md.read(tmp_path / "killed.h5")
    assert np.array_equal(again.dipole, whole.dipole)


def test_checkpoints_of_another_run_are_not_continued(tmp_path, caplog):
    field = Bonds(molecule("CH3OH"))
    with pytest.raises(Killed):
        md.run(killed_after(field, 900), field.atoms, SHORT, 7, tmp_path / "a.h5", fingerprint="old model")
    found = md.run(field, field.atoms, SHORT, 7, tmp_path / "a.h5", fingerprint="new model")
    assert "starting anew" in caplog.text
    whole = md.run(field, field.atoms, SHORT, 7, tmp_path / "b.h5", fingerprint="new model")
    assert np.array_equal(found.dipole, whole.dipole)


@pytest.mark.parametrize("size", [0, 0.5, 0.999])
def test_damaged_checkpoints_are_not_continued(tmp_path, caplog, size):
    field = Bonds(molecule("CH3OH"))
    with pytest.raises(Killed):
        md.run(killed_after(field, 900), field.atoms, SHORT, 7, tmp_path / "a.h5")
    last = max((tmp_path / "a.h5.part").glob("*.npz"))
    last.write_bytes(last.read_bytes()[: int(size * last.stat().st_size)])
    found = md.run(field, field.atoms, SHORT, 7, tmp_path / "a.h5")
    assert f"{last}: unreadable checkpoint" in caplog.text and "starting anew" in caplog.text
    assert np.array_equal(found.dipole, md.run(field, field.atoms, SHORT, 7, tmp_path / "b.h5").dipole)
    assert not (tmp_path / "a.h5.part").exists()


def test_seeds_make_different_runs(tmp_path):
    field = Bonds(molecule("H2O"))
    first, second = (md.run(field, field.atoms, SHORT, seed, tmp_path / f"{seed}.h5") for seed in (1, 2))
    assert not np.allclose(first.dipole, second.dipole)


def test_a_breaking_bond_stops_the_run_and_leaves_the_last_good_frame(tmp_path):
    field = Bonds(molecule("H2O"))
    calls = 0

    def tearing(positions):
        nonlocal calls
        calls += 1
        point = field(positions)
        if calls < 300:
            return point
        away = positions[1] - positions[0]
        pull = 0.4 * away / np.linalg.norm(away)
        return point._replace(forces=np.array([-pull, pull, 0 * pull]))

    with pytest.raises(SimulationError, match=r"a\.h5: stopped at step \d+ .*bond O0-H1 is 1\.5.*last\.xyz"):
        md.run(tearing, field.atoms, SHORT, 7, tmp_path / "a.h5")
    last = read(tmp_path / "a.h5.last.xyz")
    assert last.get_distance(0, 1) < 1.5 * field.atoms.get_distance(0, 1)
    assert not (tmp_path / "a.h5").exists()


def test_numbers_that_are_not_finite_stop_the_run(tmp_path):
    field = Bonds(molecule("H2O"))

    def broken(positions):
        point = field(positions)
        return point._replace(forces=point.forces * (np.nan if field.calls > 50 else 1))

    with pytest.raises(SimulationError, match="not finite"):
        md.run(broken, field.atoms, SHORT, 7, tmp_path / "a.h5")


def test_what_a_stopped_run_has_seen_is_kept_beside_and_never_taken_for_the_whole(tmp_path):
    field = Bonds(molecule("H2O"))
    whole = md.run(field, field.atoms, SHORT, 7, tmp_path / "whole.h5")
    field.calls, wanted = 0, round(SHORT.thermalisation * 1e3 / SHORT.timestep) + 101

    def broken(positions):
        point = field(positions)
        return point._replace(forces=point.forces * (np.nan if field.calls > wanted else 1))

    with pytest.raises(SimulationError, match=r"a\.h5\.last\.xyz, the frames up to there are .*a\.h5\.stopped"):
        md.run(broken, field.atoms, SHORT, 7, tmp_path / "a.h5")
    sofar = h5md.read(tmp_path / "a.h5.stopped")
    assert 0 < len(sofar.dipole) < len(whole.dipole)
    assert np.array_equal(sofar.dipole, whole.dipole[: len(sofar.dipole)])
    (tmp_path / "a.h5.stopped").rename(tmp_path / "a.h5")
    with pytest.raises(DataError, match="exists, from other settings"):
        md.run(field, field.atoms, SHORT, 7, tmp_path / "a.h5")


def test_steps_too_long_for_the_lightest_atom_are_not_blamed_on_the_model(tmp_path):
    field = Bonds(molecule("H2O"))
    long = SHORT.model_copy(update={"timestep": 6.0, "stride": 6.0})
    with pytest.raises(SimulationError, match=r"Steps of 6 fs are too long .* a timestep of 1\.0 fs or less"):
        md.run(field, field.atoms, long, 7, tmp_path / "a.h5")


def test_a_runaway_temperature_stops_the_run(tmp_path):
    field = Bonds(molecule("H2O"))
    velocities = maxwell_boltzmann(field.atoms.get_masses(), 3000.0, np.random.default_rng(1)) * units.fs
    cold = SHORT.model_copy(update={"temperature": 50.0, "friction": 0.1})
    with pytest.raises(SimulationError, match="temperature is"):
        md.run(field, field.atoms, cold, 7, tmp_path / "a.h5", velocities=velocities)


def test_stride_must_be_a_multiple_of_the_step(tmp_path):
    field = Bonds(molecule("H2O"))
    with pytest.raises(ConfigError, match=r"simulation\.stride"):
        md.run(field, field.atoms, SHORT.model_copy(update={"stride": 1.2}), 7, tmp_path / "a.h5")


def test_drift_is_the_slope_of_the_total_energy(tmp_path):
    field = Bonds(molecule("H2O"))
    found = md.run(field, field.atoms, SHORT, 7, tmp_path / "a.h5")
    tilted = dataclasses.replace(found, potential_energy=found.potential_energy + 3e-3 * found.time / 1e3)
    assert tilted.drift() - found.drift() == pytest.approx(1.0)


def starts(folder, field, name, number=3):
    return [Start(field.atoms, seed, folder / f"{name}{seed}.h5", parameters={"seed": seed}) for seed in range(number)]


def test_together_they_are_what_they_are_alone(tmp_path):
    field = Bonds(molecule("CH3OH"))
    many = md.run_together(field, starts(tmp_path, field, "many"), SHORT)
    for seed, found in enumerate(many):
        alone = md.run(field, field.atoms, SHORT, seed, tmp_path / f"alone{seed}.h5")
        assert np.array_equal(found.dipole, alone.dipole)
        assert np.array_equal(h5md.read(tmp_path / f"many{seed}.h5").dipole, alone.dipole)


def test_the_progress_bar_says_how_far_a_day_gets(tmp_path, monkeypatch):
    """100 steps of 0.5 fs in a second are 4.32 ns in a day, of each replica."""
    said = []

    class Bar(md.tqdm):
        format_dict = property(lambda self: {"rate": 100.0})

        def set_postfix_str(self, text, refresh=True):
            said.append(text)

    monkeypatch.setattr(md, "tqdm", Bar)
    field = Bonds(molecule("H2O"))
    md.run_together(field, starts(tmp_path, field, "a", number=2), BRIEF)
    assert said == ["8.64 ns/day"]


@pytest.mark.parametrize("lost", [0, 1])
def test_killed_together_they_go_on_together(tmp_path, lost):
    """Killed between two steps, and between the checkpoints of two replicas."""
    field = Bonds(molecule("CH3OH"))
    whole = md.run_together(field, starts(tmp_path, field, "whole"), SHORT)
    field.calls = 0
    with pytest.raises(Killed):
        md.run_together(killed_after(field, 3 * 1800), starts(tmp_path, field, "killed"), SHORT)
    for replica in range(lost):
        max((tmp_path / f"killed{replica}.h5.part").glob("*.npz")).unlink()
    field.calls = 0
    resumed = md.run_together(field, starts(tmp_path, field, "killed"), SHORT)
    assert field.calls == 3 * (2800 - (1500 if not lost else 1000))
    for one, other in zip(whole, resumed, strict=True):
        for name in h5md.UNITS:
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_of_several_the_one_that_breaks_is_named(tmp_path):
    field = Bonds(molecule("H2O"))

    def tearing(positions):
        point = field(positions)
        torn = field.calls > 300 and field.calls % 3 == 2
        return point._replace(forces=point.forces * (np.nan if torn else 1))

    with pytest.raises(SimulationError, match=r"a1\.h5: stopped .*not finite.*a1\.h5\.last\.xyz"):
        md.run_together(tearing, starts(tmp_path, field, "a"), SHORT)


def test_a_disk_that_fills_up_costs_no_replica(tmp_path, monkeypatch):
    field, written = Bonds(molecule("H2O")), []

    def full(path, trajectory, honest=h5md.write):
        written.append(path)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        honest(path, trajectory)

    monkeypatch.setattr(h5md, "write", full)
    with pytest.raises(OSError, match="No space"):
        md.run_together(field, starts(tmp_path, field, "a"), SHORT)
    (tmp_path / "a0.h5").unlink()  # as the workflow does with what a failed job leaves
    field.calls = 0
    found = md.run_together(field, starts(tmp_path, field, "a"), SHORT)
    assert field.calls == 0 and [len(one.dipole) for one in found] == [401] * 3
    assert not list(tmp_path.glob("*.part"))


def test_a_trajectory_that_is_there_is_not_run_again(tmp_path, caplog):
    field = Bonds(molecule("H2O"))
    whole = md.run_together(field, starts(tmp_path, field, "a"), BRIEF)
    (tmp_path / "a1.h5").unlink()
    field.calls = 0
    with caplog.at_level("INFO"):
        found = md.run_together(field, starts(tmp_path, field, "a"), BRIEF)
    assert field.calls == STEPS + 1
    assert caplog.text.count("complete already, not run again") == 2
    for one, other in zip(whole, found, strict=True):
        assert np.array_equal(one.dipole, other.dipole)
    field.calls = 0
    md.run_together(field, starts(tmp_path, field, "a"), BRIEF)
    assert field.calls == 0


def test_a_kill_between_two_files_costs_nothing(tmp_path, monkeypatch):
    field, honest = Bonds(molecule("H2O")), h5md.write

    def killed(path, trajectory):
        if path.name == "a1.h5":
            raise Killed
        honest(path, trajectory)

    monkeypatch.setattr(h5md, "write", killed)
    with pytest.raises(Killed):
        md.run_together(field, starts(tmp_path, field, "a"), BRIEF)
    monkeypatch.setattr(h5md, "write", honest)
    first, field.calls = (tmp_path / "a0.h5").read_bytes(), 0
    md.run_together(field, starts(tmp_path, field, "a"), BRIEF)
    assert field.calls == 0
    assert (tmp_path / "a0.h5").read_bytes() == first
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("other", ["seed", "settings", "model", "positions", "masses", "velocities"])
def test_what_is_there_is_not_overwritten_by_another_run(tmp_path, other):
    field, out = Bonds(molecule("H2O")), tmp_path / "a.h5"
    md.run(field, field.atoms, BRIEF, 7, out, fingerprint="model")
    before, atoms = out.read_bytes(), field.atoms.copy()
    if other == "positions":
        atoms.rattle(0.01)
    if other == "masses":
        atoms.set_masses([15.999, 2.014, 2.014])
    settings = BRIEF.model_copy(update={"temperature": 200.0}) if other == "settings" else BRIEF
    velocities = np.eye(3) * 1e-3 if other == "velocities" else None
    fingerprint, seed = ("model 2" if other == "model" else "model"), (8 if other == "seed" else 7)
    with pytest.raises(DataError, match=r"a\.h5: exists, from other settings, .* delete it or give another -o"):
        md.run(field, atoms, settings, seed, out, fingerprint=fingerprint, velocities=velocities)
    assert out.read_bytes() == before


def test_heavy_hydrogen_stays_heavy_in_the_file(tmp_path):
    field = Bonds(molecule("H2O"))
    field.atoms.set_masses([15.999, 2.014, 2.014])
    md.run(field, field.atoms, BRIEF, 7, tmp_path / "a.h5")
    found = h5md.read(tmp_path / "a.h5")
    assert found.masses.tolist() == [15.999, 2.014, 2.014]
    assert found.atoms(3).get_masses().tolist() == [15.999, 2.014, 2.014]
    kinetic = 0.5 * (found.masses[:, None] * (found.velocity / units.fs) ** 2).sum(axis=(1, 2))
    assert found.kinetic_energy == pytest.approx(kinetic, rel=1e-4)


def test_names_that_differ_after_a_dot_share_nothing(tmp_path):
    field = Bonds(molecule("H2O"))
    first, second = (Start(field.atoms, 1, tmp_path / f"T300.{k}.h5") for k in (1, 2))
    assert first.beside(".part").name == "T300.1.h5.part"
    assert second.beside(".part").name == "T300.2.h5.part"
    with pytest.raises(DataError, match=r"T300\.1: trajectories are HDF5 files; give a name that ends in \.h5"):
        Start(field.atoms, 1, tmp_path / "T300.1")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(DataError, match=r"folder\.h5: is a folder"):
        Start(field.atoms, 1, tmp_path / "folder.h5")


def test_a_run_without_frames_is_refused(tmp_path):
    field = Bonds(molecule("H2O"))
    for production in (1e-9, 1.4e-3):
        with pytest.raises(ConfigError, match=r"simulation\.production: \S+ ps hold no frame"):
            md.run(field, field.atoms, BRIEF.model_copy(update={"production": production}), 7, tmp_path / "a.h5")


def test_a_start_without_finite_results_is_refused(tmp_path):
    field = Bonds(molecule("H2O"))
    with pytest.raises(ModelError, match=r"start of .*a\.h5: energy, dipole of the model not finite"):
        md.run(
            lambda positions: field(positions)._replace(energy=np.nan, dipole=np.full(3, np.inf)),
            field.atoms, BRIEF, 7, tmp_path / "a.h5",
        )  # fmt: skip
