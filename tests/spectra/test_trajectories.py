"""From files of trajectories to one spectrum: what is averaged, what is said about each, what is refused."""

import json
import shutil
from dataclasses import replace

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
        assert get(alone[0])["standard_error"] is None
    assert {peak["standard_error"] for peak in alone[0]["peaks"]} == {None}
    assert found["symbols"] == ["O", "H", "H"]
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
    units = json.loads((tmp_path / "a.json").read_text())["units"]
    assert (units["wavenumber"], units["area"], units["replicas.temperature"]) == ("cm^-1", "km/mol", "K")
    assert {name.partition(".")[0] for name in units} == found.keys() - {"symbols", "provenance"}
    del found["vibrational_density"]
    trajectories.write(tmp_path / "old.json", found)
    with pytest.raises(DataError, match=r"old\.json: not a spectrum"):
        trajectories.read(tmp_path / "old.json")


def test_the_error_of_a_single_trajectory_is_none_in_older_files_too(tmp_path, runs):
    found = trajectories.infrared_spectrum(runs[:1], SETTINGS)
    trajectories.write(tmp_path / "a.json", found)
    zeros = {"standard_error": np.zeros(len(found["mean"])).tolist()}
    peaks = [peak | {"standard_error": 0.0} for peak in found["peaks"]]
    old = found | zeros | {"vibrational_density": found["vibrational_density"] | zeros, "peaks": peaks}
    del old["symbols"]
    (tmp_path / "old.json").write_text(json.dumps(old))
    for name in ("a", "old"):
        read = trajectories.read(tmp_path / f"{name}.json")
        assert read["standard_error"] is read["vibrational_density"]["standard_error"] is None
        assert {peak["standard_error"] for peak in read["peaks"]} == {None}


@pytest.fixture
def sparse(runs):
    """A trajectory whose frames are 6 fs apart."""
    found = h5md.read(runs[0])
    return replace(found, interval=6.0, **{name: getattr(found, name)[::3] for name in h5md.UNITS})


@pytest.mark.parametrize("end", [2000, 4000])
def test_frames_too_far_apart_for_the_vibrations_are_refused_whatever_the_window(tmp_path, sparse, end):
    h5md.write(tmp_path / "sparse.h5", sparse)
    with pytest.raises(DataError, match=r"sparse\.h5: frames 6 fs apart show vibrations above 27\d\d .*smaller stride"):
        trajectories.infrared_spectrum([tmp_path / "sparse.h5"], Spectra(fwhm=80.0, range=(400, end)))


def test_without_hydrogen_frames_may_be_further_apart(tmp_path, sparse):
    h5md.write(tmp_path / "sparse.h5", replace(sparse, symbols=["S", "C", "C"]))
    found = trajectories.infrared_spectrum([tmp_path / "sparse.h5"], SETTINGS)
    beyond = np.array(found["wavenumber"]) > 2800  # where such frames know nothing
    assert not np.any(np.array(found["mean"])[beyond])


def test_company_that_makes_no_mean_is_refused(tmp_path, runs):
    shutil.copy(runs[0], tmp_path / "copy.h5")
    for again in (runs[0], tmp_path / "copy.h5"):
        with pytest.raises(DataError, match=rf"{again.name}: the same trajectory as .*1\.h5; give each once"):
            trajectories.infrared_spectrum([*runs, again], SETTINGS)
    found = h5md.read(runs[0])
    h5md.write(tmp_path / "hot.h5", replace(found, parameters=found.parameters | {"temperature": 500.0}))
    with pytest.raises(DataError, match=r"hot\.h5: run at 500 K, but .*1\.h5 at 300 K"):
        trajectories.infrared_spectrum([runs[0], tmp_path / "hot.h5"], SETTINGS)
