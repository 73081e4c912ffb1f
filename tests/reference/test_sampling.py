"""Trajectories: physical, labelled with what they are, and the same after a kill."""

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from tests.reference.water import LEVEL

from densnet.checkpoints import write_npz
from densnet.config import Campaign, Molecule
from densnet.errors import CalculationError
from densnet.reference import sampling
from densnet.reference.engines import XtbEngine

WATER = Molecule(name="water")
AIMD = Campaign(lengths=[1], steps=26, stride=2, grid_level=0, conv_tol=1e-6, timestep=1.0)
XTB = Campaign(lengths=[1], method="xtb", steps=60, stride=5, timestep=1.0)


def sample(out, campaign, replica=0, seed=1):
    sampling.sample(WATER, 1, campaign, LEVEL, replica=replica, seed=seed, out=out, name="toy")
    return ase.io.read(out, index=":")


class Killed(BaseException):
    pass


@pytest.mark.parametrize("campaign", [AIMD, XTB])
def test_a_killed_run_continues_bitwise(tmp_path, monkeypatch, campaign):
    monkeypatch.setattr(sampling, "XTB_CHECKPOINT", 20)
    whole = sample(tmp_path / "whole.traj", campaign)
    step, count = sampling._step, 0

    def dying(*arguments):
        nonlocal count
        count += 1
        if count == 24:
            raise Killed
        return step(*arguments)

    out = tmp_path / "killed.traj"
    monkeypatch.setattr(sampling, "_step", dying)
    with pytest.raises(Killed):
        sample(out, campaign)
    assert not out.exists()
    assert out.with_suffix(".part.npz").exists()
    resumed = sample(out, campaign)
    assert count < 24 + campaign.steps  # it did not start afresh
    assert not out.with_suffix(".part.npz").exists()
    for a, b in zip(whole, resumed, strict=True):
        assert (a.positions == b.positions).all()
        assert (a.get_momenta() == b.get_momenta()).all()
        assert a.get_potential_energy() == b.get_potential_energy()
        assert (a.get_forces() == b.get_forces()).all()
        assert (a.get_dipole_moment() == b.get_dipole_moment()).all()


def test_checkpoint_of_other_settings_is_not_continued(tmp_path, caplog):
    out = tmp_path / "run.traj"
    (tmp_path / "run.part.npz").write_bytes(b"half a file")
    frames = sample(out, XTB)
    assert "unreadable checkpoint" in caplog.text
    write_npz(tmp_path / "run.part.npz", "another study")
    assert (sample(out, XTB)[-1].positions == frames[-1].positions).all()
    assert "other settings" in caplog.text


def test_a_checkpoint_that_kept_something_else_is_not_continued(tmp_path, monkeypatch, caplog):
    def dying(*_):
        raise Killed

    out = tmp_path / "run.traj"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sampling, "XTB_CHECKPOINT", 20)
        patch.setattr(sampling, "FRAME", sampling.FRAME[:2])
        patch.setattr(sampling.Run, "store", lambda run: None)
        patch.setattr(sampling, "_write", dying)
        sample(out, XTB)
    assert len(sample(out, XTB)) == 12
    assert "other settings" in caplog.text


@pytest.mark.parametrize("size", [0, 0.5, 0.999])
def test_a_damaged_checkpoint_is_started_afresh(tmp_path, monkeypatch, caplog, size):
    whole = sample(tmp_path / "whole.traj", XTB)
    out, part = tmp_path / "run.traj", tmp_path / "run.part.npz"

    def dying(*_):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(sampling, "XTB_CHECKPOINT", 20)
        patch.setattr(sampling, "_write", dying)
        sample(out, XTB)
    part.write_bytes(part.read_bytes()[: int(size * part.stat().st_size)])
    again = sample(out, XTB)
    assert f"{part}: unreadable checkpoint" in caplog.text
    assert (again[-1].positions == whole[-1].positions).all()
    assert not part.exists()


def test_frames_say_what_they_are(tmp_path):
    frames = sample(tmp_path / "run.traj", XTB, replica=3)
    assert [frame.info["step"] for frame in frames] == list(range(5, 61, 5))
    assert {(frame.info["campaign"], frame.info["replica"]) for frame in frames} == {("toy", 3)}


def test_replicas_and_seeds_differ(tmp_path):
    runs = [sample(tmp_path / f"{k}.traj", XTB, *pair)[-1].positions for k, pair in enumerate([(0, 1), (1, 1), (0, 2)])]
    assert all(np.abs(runs[i] - runs[j]).max() > 1e-3 for i in range(3) for j in range(i))


def test_nve_conserves_energy(tmp_path):
    campaign = XTB.model_copy(update={"ensemble": "nve", "timestep": 0.25, "steps": 200, "stride": 1})
    frames = sample(tmp_path / "nve.traj", campaign)
    totals, kinetic = ([get(frame) for frame in frames] for get in (Atoms.get_total_energy, Atoms.get_kinetic_energy))
    assert np.ptp(totals) < 0.05 * np.ptp(kinetic)


def test_langevin_reaches_its_temperature(tmp_path):
    campaign = XTB.model_copy(update={"friction": 50.0, "steps": 4000, "stride": 10, "temperature": 400.0})
    kinetic = np.array([frame.get_kinetic_energy() for frame in sample(tmp_path / "nvt.traj", campaign)][50:])
    degrees = 9  # the thermostat moves the centre of mass too
    assert 2 * kinetic.mean() / (degrees * units.kB) == pytest.approx(400, rel=0.15)


@pytest.mark.parametrize("equilibration", [0, 30])
def test_start_has_no_drift_and_no_rotation(equilibration):
    campaign, water = XTB.model_copy(update={"equilibration": equilibration}), molecule("H2O")
    start = sampling._start(water, campaign, np.random.default_rng(0), XtbEngine(water)).state
    water.positions = start.positions
    water.set_velocities(start.velocities)
    assert np.abs(water.get_momenta().sum(axis=0)).max() < 1e-12
    assert np.abs(water.get_angular_momentum()).max() < 1e-9
    assert water.get_temperature() > 10


def test_an_exploding_molecule_stops(tmp_path):
    campaign = XTB.model_copy(update={"timestep": 20.0})
    with pytest.raises(CalculationError, match=r"run.traj: step \d+: .*"):
        sample(tmp_path / "run.traj", campaign)
    assert not (tmp_path / "run.traj").exists()


def test_unconverged_step_is_named(tmp_path):
    harder = LEVEL.model_copy(update={"max_cycle": 1})
    with pytest.raises(CalculationError, match="max_cycle = 1"):
        sampling.sample(WATER, 1, AIMD, harder, replica=0, seed=1, out=tmp_path / "run.traj", name="toy")
