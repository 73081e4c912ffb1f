"""Reference spectra that ship: taken when what decides them agrees, refused when damaged, described when added."""

import json
from pathlib import Path

import pytest
import yaml

from densnet import shipped as sets
from densnet.config import check_study, load_study
from densnet.errors import DataError
from densnet.report import reference_spectra
from densnet.spectra import shipped

ROOT = Path(__file__).parents[2]
TINY = ROOT / "workflow" / "studies" / "tiny.yaml"
DFT, AIMD, TRACKED = "harmonic/dft_1.json", "spectra/aimd_1.json", "harmonic/dft_2.json"
ALL = {DFT, AIMD, TRACKED}


def study(**changes):
    return load_study(TINY, changes)


@pytest.fixture
def folder(tmp_path):
    """The spectra of the tiny study, shipped."""
    spectra = {DFT: {"frequencies": [1.0, 2.0, 3.0]}, AIMD: {"intensity": [0.5]}, TRACKED: {"frequencies": [4.0]}}
    for path, spectrum in spectra.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(spectrum))
    reference_spectra.add("tiny", tmp_path, shipped.settings(study()), tmp_path / "data")
    return tmp_path / "data"


def find(asked, folder):
    return shipped.find(asked, folder, folder.parent / "results")


def test_taken_when_what_decides_them_agrees(folder, tmp_path):
    found, messages = find(study(), folder)
    assert len(messages) == 1
    assert "spectra=compute" in messages[0]
    assert found == {path: folder / f"tiny_{Path(path).name}" for path in ALL}
    shipped.fetch(found[DFT], tmp_path / "out.json")
    [checksum] = {json.loads((folder / "tiny_dft_1.json").read_text())["sha256"]}
    assert json.loads((tmp_path / "out.json").read_text()) == {"frequencies": [1.0, 2.0, 3.0], "shipped": checksum}


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"density_network": {"cutoff": 3.0}, "harmonic": {"processes": 3}}, ALL),
        ({"reference": {"max_cycle": 99}, "name": "copy", "molecule": {"name": "chain"}}, ALL),
        ({"harmonic": {"max_modes": 2}}, {DFT, AIMD}),
        ({"spectra": {"fwhm": 1700.0}}, {DFT, TRACKED}),
        ({"sampling": {"spectrum": {"steps": 60}}}, {DFT, TRACKED}),
        ({"harmonic": {"displacement": 0.02}}, {AIMD}),
        ({"reference": {"xc": "BLYP"}}, set()),
        ({"seed": 2}, set()),
        ({"spectra": "compute"}, set()),
        ({"labels": "compute"}, ALL),
    ],
)
def test_other_settings_take_what_they_leave_alone(folder, changes, left):
    assert find(study(**changes), folder)[0].keys() == left


def test_what_differs_is_named(folder):
    _, messages = find(study(spectra={"fwhm": 1700.0}, harmonic={"displacement": 0.02}), folder)
    assert sorted(message.split(" has another ")[1] for message in messages) == [
        "harmonic.displacement",
        "harmonic.displacement",
        "spectra.fwhm",
    ]


def test_dynamics_are_those_of_a_model_that_ships(tmp_path):
    values = {path: {"length": int(path[-6])} for path in shipped.settings(study(), "abc") if path[8:9].isdigit()}
    assert len(values) == len(study().simulation.lengths)
    for path, spectrum in values.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(spectrum))
    wanted = {path: own for path, own in shipped.settings(study(), "abc").items() if path in values}
    reference_spectra.add("tiny", tmp_path, wanted, tmp_path / "data")
    results, data = tmp_path / "results", tmp_path / "data"
    assert "| dynamics of the model |" in (data / "README.md").read_text()
    for model, changes, taken in (
        ("abc", {"simulation": {"batch": 1}, "harmonic": {"max_modes": 2}}, True),
        ("abc", {"simulation": {"replicas": dict.fromkeys((*study().simulation.lengths, 99), 2)}}, True),
        ("abc", {"simulation": {"replicas": dict.fromkeys(study().simulation.lengths, 9)}}, False),
        ("abc", {"simulation": {"production": 9.0}}, False),
        ("abc", {"simulation": {"ensemble": ["second"]}, "variants": {"second": {"seed": 2}}}, False),
        ("other", {}, False),
        (None, {}, False),
    ):
        found, _ = shipped.find(study(**changes), data, results, model)
        assert found.keys() == (values.keys() if taken else set())
    first = results / "tiny" / next(iter(values))
    for computed in (first, results / "tiny" / "md" / first.stem / "0.h5"):
        computed.parent.mkdir(parents=True)
        computed.touch()
    assert len(shipped.find(study(), data, results, "abc")[0]) == len(values) - 1


def test_a_renamed_campaign_has_other_random_streams(folder):
    values = yaml.safe_load(TINY.read_text())
    values["sampling"]["renamed"] = values["sampling"].pop("spectrum")
    values["spectra"]["reference"] = "renamed"
    assert find(check_study(values), folder)[0].keys() == {DFT, TRACKED}


def test_computed_ones_are_kept(folder):
    home = folder.parent / "results" / "tiny"
    (home / "harmonic").mkdir(parents=True)
    (home / DFT).touch()
    assert find(study(), folder)[0].keys() == ALL  # taken before, it is taken again
    (home / "harmonic" / "minimum_1.traj").touch()
    assert find(study(), folder)[0].keys() == {AIMD, TRACKED}
    (home / "harmonic" / "minimum_2.traj").touch()
    for spectrum, left in (({"shipped": "abc"}, {AIMD, TRACKED}), ({}, {AIMD})):  # taken; computed
        (home / TRACKED).write_text(json.dumps(spectrum))
        assert find(study(), folder)[0].keys() == left


def test_a_flipped_byte_is_refused(folder, tmp_path):
    path = folder / "tiny_dft_1.json"
    path.write_text(path.read_text().replace("2.0", "2.5"))
    assert find(study(), folder)[0][DFT] == path
    with pytest.raises(DataError, match=r"tiny_dft_1\.json: damaged; restore it"):
        shipped.fetch(path, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("damage", ["", "{", "[1]", "\x00"])
def test_a_file_that_is_none_concerns_nobody(folder, damage):
    (folder / "another.json").write_text(damage)
    assert find(study(), folder)[0].keys() == ALL


def test_without_any_nothing_is_taken(tmp_path):
    assert find(study(), tmp_path / "none") == ({}, [])


def test_table_names_what_ships(folder):
    text = (folder / "README.md").read_text()
    assert "| `tiny_dft_1.json` | PBE/STO-3G | 1 | DFT, 3 harmonic modes |" in text
    assert "| `tiny_aimd_1.json` | PBE/STO-3G | 1 | AIMD |" in text


def test_what_ships_is_whole_and_of_its_studies():
    """Every spectrum in ``data/spectra`` is taken by the study that it is named after."""
    folder = ROOT / "data" / "spectra"
    paths = list(folder.glob("*.json"))
    assert paths
    for path in paths:
        name = path.stem.partition("_")[0]
        model = sets.read_index(ROOT / "models").get(name, {}).get("sha256")
        asked = load_study(ROOT / "workflow" / "studies" / f"{name}.yaml")
        assert path in shipped.find(asked, folder, ROOT / "none", model)[0].values()
        assert shipped.read(path)["spectrum"]["provenance"]
    assert reference_spectra.table(folder) in (folder / "README.md").read_text()
