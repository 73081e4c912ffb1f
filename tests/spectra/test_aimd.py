"""Ab initio trajectories as the reference: turning molecules, what is refused, how halves are made."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory
from scipy.spatial.transform import Rotation
from tests.dynamics.springs import water

from densnet.config import Campaign, Simulation, Spectra
from densnet.dynamics import md
from densnet.errors import DataError
from densnet.spectra import aimd, trajectories

SETTINGS = Spectra(fwhm=75.0, range=(400, 4500))
CAMPAIGN = Campaign(lengths=[1], ensemble="nve", timestep=0.5, stride=4, steps=3200)
SPIN = np.array([0.5, -0.8, 0.3]) * 1e-2  # 1/fs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trajectory of springs, every mode with the energy of 300 K."""
    field, folder = water(), tmp_path_factory.mktemp("springs")
    settings = Simulation(lengths=[1], thermalisation=1e-9, production=1.6)
    path = folder / "md.h5"
    return path, md.run(field, field.atoms, settings, 1, path, velocities=field.thermal_velocities(300.0))


def write(path, found, spin=0 * SPIN, dipoles=True, steps=None):
    """Write a run as a sampled trajectory of a molecule that also turns and flies away."""
    steps = 4 * np.arange(len(found.dipole)) if steps is None else steps
    with Trajectory(path, "w") as file:
        for step, time, x, v, dipole in zip(
            steps, found.time, found.position, found.velocity, found.dipole, strict=False
        ):
            turn = Rotation.from_rotvec(spin * time).as_matrix()
            turned = (v + np.cross(turn.T @ spin, x)) @ turn.T
            atoms = Atoms(found.symbols, x @ turn.T + 0.01 * time, info={"step": int(step)})
            atoms.set_velocities((turned + 0.01) / units.fs)
            results = {"energy": 0.0} | ({"dipole": turn @ dipole} if dipoles else {})
            atoms.calc = SinglePointCalculator(atoms, **results)
            file.write(atoms)
    return path


def test_neither_rotation_nor_flight_show(tmp_path, run):
    still, turning = (
        aimd.aimd_spectrum([write(tmp_path / f"{name}.traj", run[1], spin)], SETTINGS, CAMPAIGN, length=1)
        for name, spin in (("still", 0 * SPIN), ("turning", SPIN))
    )
    for get in (lambda values: values, lambda values: values["vibrational_density"]):
        expected = np.array(get(still)["mean"])
        assert np.array(get(turning)["mean"]) == pytest.approx(expected, abs=1e-3 * expected.max())
    assert turning["replicas"][0]["temperature"] == pytest.approx(still["replicas"][0]["temperature"], rel=1e-4)
    assert turning["length"] == 1


def test_it_is_the_spectrum_that_dynamics_of_the_model_would_give(tmp_path, run):
    path, found = run
    ours = trajectories.infrared_spectrum([path], SETTINGS)
    theirs = aimd.aimd_spectrum([write(tmp_path / "0.traj", found, SPIN)], SETTINGS, CAMPAIGN)
    # Springs hold the orientation, which differs from that of Eckart's frame by the square of the displacements.
    assert np.array(theirs["mean"]) == pytest.approx(np.array(ours["mean"]), abs=0.05 * max(ours["mean"]))
    assert theirs["area"] == pytest.approx(ours["area"], rel=0.03)
    assert theirs["replicas"][0]["temperature"] == pytest.approx(300, rel=0.01)


def test_halves_of_replicas_and_of_a_single_one(tmp_path, run):
    _, found = run
    named = [(str(k), found) for k in range(5)]
    assert [[name for name, _ in half] for half in aimd.split(named)] == [["0", "2", "4"], ["1", "3"]]
    first, second = (next(trajectory for _, trajectory in half) for half in aimd.split(named[:1]))
    assert np.array_equal(np.concatenate([first.dipole, second.dipole]), found.dipole)
    assert abs(len(first.dipole) - len(second.dipole)) <= 1
    found = aimd.aimd_spectrum([write(tmp_path / "0.traj", run[1])], SETTINGS, CAMPAIGN)
    assert np.shape(found["halves"]) == (2, len(found["mean"]))
    assert np.mean(found["halves"], axis=0) == pytest.approx(found["mean"], abs=0.1 * max(found["mean"]))


def test_a_thermostat_has_no_drift(tmp_path, run):
    path = write(tmp_path / "0.traj", run[1])
    langevin = CAMPAIGN.model_copy(update={"ensemble": "langevin", "friction": 0.1})
    facts = [aimd.aimd_spectrum([path], SETTINGS, campaign)["replicas"][0] for campaign in (CAMPAIGN, langevin)]
    assert facts[0]["drift_mev_atom_ps"] is not None
    assert facts[1]["drift_mev_atom_ps"] is None


def test_what_cannot_serve_is_refused(tmp_path, run):
    _, found = run
    write(tmp_path / "dark.traj", found, dipoles=False)
    with pytest.raises(DataError, match=r"dark\.traj: frames without a dipole"):
        aimd.read(tmp_path / "dark.traj", CAMPAIGN)
    write(tmp_path / "gap.traj", found, steps=[4, 8, 16, 20])
    with pytest.raises(DataError, match=r"gap\.traj: frames are not equally spaced"):
        aimd.read(tmp_path / "gap.traj", CAMPAIGN)
    write(tmp_path / "short.traj", found, steps=range(4, 44, 4))
    with pytest.raises(DataError, match=r"short\.traj: .*shorter than one segment"):
        aimd.aimd_spectrum([tmp_path / "short.traj"], SETTINGS, CAMPAIGN)
    (tmp_path / "broken.traj").write_bytes((tmp_path / "gap.traj").read_bytes()[:100])
    for name in ("broken", "absent"):
        with pytest.raises(DataError, match=rf"{name}\.traj: not a sampled trajectory"):
            aimd.read(tmp_path / f"{name}.traj", CAMPAIGN)


def test_a_linear_molecule_has_no_frame_of_its_own(tmp_path):
    atoms = Atoms("CO2", [[0.03, 0, 0], [0, 0, 1.16], [0, 0, -1.16]])
    with Trajectory(tmp_path / "co2.traj", "w") as file:
        for step in (1, 2):
            atoms.info["step"] = step
            atoms.calc = SinglePointCalculator(atoms, energy=0.0, dipole=np.zeros(3))
            file.write(atoms)
    with pytest.raises(DataError, match=r"co2\.traj: the bending of a linear molecule"):
        aimd.read(tmp_path / "co2.traj", CAMPAIGN)
