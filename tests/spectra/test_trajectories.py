"""From files of trajectories to one spectrum: what is averaged, what is said about each, what is refused."""

import numpy as np
import pytest
from ase.build import molecule
from tests.dynamics.springs import Bonds

from densnet.config import Simulation, Spectra
from densnet.dynamics import h5md, md
from densnet.errors import DataError
from densnet.spectra import trajectories

SHORT = Simulation(lengths=[1], thermalisation=0.3, production=1.0)
SETTINGS = Spectra(fwhm=80.0, range=(400, 4000))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    field = Bonds(molecule("H2O"))
    for seed in (1, 2, 3):
        md.run(field, field.atoms, SHORT, seed, folder / f"{seed}.h5")
    return [folder / f"{seed}.h5" for seed in (1, 2, 3)]


def test_means_and_errors_are_those_of_the_replicas(runs):
    alone = [trajectories.infrared_spectrum([path], SETTINGS) for path in runs]
    found = trajectories.infrared_spectrum(runs, SETTINGS, length=1)
    for get in (lambda values: values, lambda values: values["vibrational_density"]):
        curves = np.array([get(values)["mean"] for values in alone])
        assert get(found)["mean"] == pytest.approx(curves.mean(axis=0), rel=1e-4, abs=1e-9)
        assert get(found)["standard_error"] == pytest.approx(
            curves.std(axis=0, ddof=1) / np.sqrt(3), rel=1e-3, abs=1e-9
        )
        assert not np.any(get(alone[0])["standard_error"])
    assert [facts["file"] for facts in found["replicas"]] == ["1.h5", "2.h5", "3.h5"]
    assert [facts["drift_mev_atom_ps"] for facts in found["replicas"]] == [h5md.read(path).drift() for path in runs]
    assert found["length"] == 1


def test_the_density_of_states_has_unit_area_where_the_window_holds_all_vibrations(runs):
    found = trajectories.infrared_spectrum(runs, Spectra(fwhm=80.0, range=(400, 7000)))
    assert np.trapezoid(found["vibrational_density"]["mean"], found["wavenumber"]) == pytest.approx(1, abs=0.01)


def test_file_round_trip_and_damage(tmp_path, runs):
    found = trajectories.infrared_spectrum(runs, SETTINGS)
    trajectories.write(tmp_path / "a.json", found)
    read = trajectories.read(tmp_path / "a.json")
    assert read["vibrational_density"]["mean"].tolist() == found["vibrational_density"]["mean"]
    assert read["peaks"] == found["peaks"]
    del found["vibrational_density"]
    trajectories.write(tmp_path / "old.json", found)
    with pytest.raises(DataError, match=r"old\.json: not a spectrum"):
        trajectories.read(tmp_path / "old.json")


def test_frames_too_far_apart_for_the_window_are_refused(tmp_path, runs):
    found = h5md.read(runs[0])
    sparse = h5md.Trajectory(
        found.symbols, 6.0, found.timestep, *(getattr(found, name)[::3] for name in h5md.UNITS), found.parameters
    )
    h5md.write(tmp_path / "sparse.h5", sparse)
    with pytest.raises(DataError, match=r"sparse\.h5: frames 6 fs apart know nothing above 27\d\d cm"):
        trajectories.infrared_spectrum([tmp_path / "sparse.h5"], SETTINGS)
