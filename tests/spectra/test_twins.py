"""Twins of ab initio trajectories: with the same forces they are these over again, whatever energies chance gave."""

import numpy as np
import pytest
from ase import units
from tests.dynamics.springs import water
from tests.spectra.test_aimd import CAMPAIGN, SETTINGS, write

from densnet.config import Simulation
from densnet.dynamics import md
from densnet.errors import DataError
from densnet.spectra import aimd, compare, trajectories
from densnet.spectra.twins import twin_spectrum

ENERGIES = (0.2, 2.0, 0.5), (1.5, 0.3, 2.5)
"""Of the three modes in each trajectory, kT."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Spectrum of two trajectories of springs, read from its file."""
    field, folder = water(), tmp_path_factory.mktemp("reference")
    settings = Simulation(lengths=[1], thermalisation=1e-9, production=1.6)
    runs = []
    for number, energies in enumerate(ENERGIES):
        along = np.sqrt(2 * units.kB * 300 * np.array(energies))[:, None, None] * field.modes().vectors
        velocities = along.sum(0) / np.sqrt(field.atoms.get_masses())[:, None] * units.fs
        runs.append(md.run(field, field.atoms, settings, 1, folder / f"{number}.h5", velocities=velocities))
    paths = [write(folder / f"{number}.traj", run) for number, run in enumerate(runs)]
    trajectories.write(folder / "aimd.json", aimd.aimd_spectrum(paths, SETTINGS, CAMPAIGN, length=1))
    return trajectories.read(folder / "aimd.json")


def outputs(folder, number=2):
    return [folder / f"{replica}.h5" for replica in range(number)]


def test_of_the_same_forces_have_the_same_spectrum(tmp_path, reference):
    found = twin_spectrum(water(), reference, CAMPAIGN, SETTINGS, outputs(tmp_path), length=1)
    grid = trajectories.grid_of(SETTINGS)
    likeness = compare.compare(grid, np.array(found["mean"]), reference["mean"])
    assert likeness["pearson"] > 0.999
    assert likeness["area_ratio"] == pytest.approx(1, abs=0.03)
    halves = compare.compare(grid, *map(np.array, reference["halves"]))
    assert halves["pearson"] < 0.99  # the two have other energies in their modes
    assert (found["length"], found["starts_of"], len(found["replicas"])) == (1, "AIMD", 2)
    kelvin = [[one["temperature"] for one in values["replicas"]] for values in (found, reference)]
    assert kelvin[0] == pytest.approx(kelvin[1], rel=0.02)


def test_softer_forces_show(tmp_path, reference):
    soft = water()
    soft.hessian = 0.81 * soft.hessian
    found = twin_spectrum(soft, reference, CAMPAIGN, SETTINGS, outputs(tmp_path))
    likeness = compare.compare(trajectories.grid_of(SETTINGS), np.array(found["mean"]), reference["mean"])
    assert likeness["pearson"] < 0.5


def test_a_reference_without_starts_is_refused(tmp_path, reference):
    without = {name: value for name, value in reference.items() if name != "starts"}
    with pytest.raises(DataError, match="0 starts are known of 2 trajectories; delete it"):
        twin_spectrum(water(), without, CAMPAIGN, SETTINGS, outputs(tmp_path))
    with pytest.raises(DataError, match="2 starts are known of 3 trajectories"):
        twin_spectrum(water(), reference, CAMPAIGN, SETTINGS, outputs(tmp_path, 3))
    assert not list(tmp_path.iterdir())


def test_starts_have_units(reference):
    assert [reference["units"][f"starts.{name}"] for name in ("positions", "velocities")] == ["Angstrom", "Angstrom/fs"]
