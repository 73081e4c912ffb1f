"""Trajectory files: layout, round trip, damage."""

import h5py
import numpy as np
import pytest

from densnet.dynamics import h5md
from densnet.errors import DataError


@pytest.fixture
def trajectory():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2, 5, 3, 3)).astype(np.float32)
    scalars = rng.normal(size=(3, 5))
    return h5md.Trajectory(["O", "H", "H"], 2.0, 0.5, *vectors, rng.normal(size=(5, 3)), *scalars, {"seed": 4})


def test_round_trip(tmp_path, trajectory):
    h5md.write(tmp_path / "a.h5", trajectory)
    found = h5md.read(tmp_path / "a.h5")
    for name in h5md.UNITS:
        assert np.array_equal(getattr(found, name), getattr(trajectory, name))
    assert found.symbols == ["O", "H", "H"]
    assert (found.interval, found.timestep, found.parameters) == (2.0, 0.5, {"seed": 4})
    assert len(h5md.read(tmp_path / "a.h5", coordinates=False).position) == 0


def test_files_without_masses_have_those_of_the_elements(tmp_path, trajectory):
    h5md.write(tmp_path / "a.h5", trajectory)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["particles/molecule/mass"]
    assert h5md.read(tmp_path / "a.h5").masses == pytest.approx([15.999, 1.008, 1.008])


def test_layout_is_h5md(tmp_path, trajectory):
    h5md.write(tmp_path / "a.h5", trajectory)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert file["h5md/creator"].attrs["name"] == "densnet"
        molecule = file["particles/molecule"]
        assert molecule["species"][()].tolist() == [8, 1, 1]
        assert molecule["box"].attrs["dimension"] == 3
        assert molecule["position/value"].shape == (5, 3, 3)
        assert molecule["position/value"].attrs["unit"] == "Angstrom"
        assert molecule["velocity/time"][()].tolist() == [0, 2, 4, 6, 8]
        assert file["observables/dipole/step"][()].tolist() == [0, 4, 8, 12, 16]
        assert file["observables/dipole/value"].attrs["unit"] == "e Angstrom"


def test_damaged_file_is_named(tmp_path, trajectory):
    path = tmp_path / "a.h5"
    h5md.write(path, trajectory)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"a\.h5: not a trajectory"):
        h5md.read(path)
    with pytest.raises(DataError, match=r"b\.h5: no such trajectory"):
        h5md.read(tmp_path / "b.h5")
