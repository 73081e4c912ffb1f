"""Reference spectra that ship: taken when what decides them agrees, refused when damaged, described when added."""

import json
from pathlib import Path

import pytest

from densnet.config import load_study
from densnet.errors import DataError
from densnet.report import reference_spectra
from densnet.spectra import shipped

ROOT = Path(__file__).parents[2]
TINY = ROOT / "workflow" / "studies" / "tiny.yaml"
DFT, AIMD = "harmonic/dft_1.json", "spectra/aimd_1.json"


def study(**changes):
    return load_study(TINY, changes)


@pytest.fixture
def folder(tmp_path):
    """Both spectra of the tiny study, shipped."""
    for path, spectrum in ((DFT, {"frequencies": [1.0, 2.0, 3.0]}), (AIMD, {"intensity": [0.5]})):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text(json.dumps(spectrum))
    reference_spectra.add("tiny", tmp_path, shipped.settings(study()), tmp_path / "data")
    return tmp_path / "data"


def test_taken_when_what_decides_them_agrees(folder, tmp_path):
    found = shipped.find(study(), folder)
    assert found == {DFT: folder / "tiny_dft_1.json", AIMD: folder / "tiny_aimd_1.json"}
    shipped.fetch(found[DFT], tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == {"frequencies": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"density_network": {"cutoff": 3.0}, "harmonic": {"max_modes": 2, "processes": 3}}, {DFT, AIMD}),
        ({"reference": {"max_cycle": 99}, "name": "copy", "molecule": {"name": "chain"}}, {DFT, AIMD}),
        ({"spectra": {"fwhm": 1700.0}}, {DFT}),
        ({"sampling": {"spectrum": {"steps": 60}}}, {DFT}),
        ({"harmonic": {"displacement": 0.02}}, {AIMD}),
        ({"reference": {"xc": "BLYP"}}, set()),
        ({"seed": 2}, set()),
        ({"labels": "compute"}, set()),
    ],
)
def test_other_settings_take_what_they_leave_alone(folder, changes, left):
    assert shipped.find(study(**changes), folder).keys() == left


def test_a_flipped_byte_is_refused(folder):
    path = folder / "tiny_dft_1.json"
    path.write_text(path.read_text().replace("2.0", "2.5"))
    with pytest.raises(DataError, match=r"tiny_dft_1\.json: damaged; restore it"):
        shipped.find(study(), folder)


def test_without_any_nothing_is_taken(tmp_path):
    assert shipped.find(study(), tmp_path / "none") == {}


def test_table_names_what_ships(folder):
    text = (folder / "README.md").read_text()
    assert "| `tiny_dft_1.json` | PBE/STO-3G | 1 | 3 harmonic modes |" in text
    assert "| `tiny_aimd_1.json` | PBE/STO-3G | 1 | AIMD |" in text


def test_what_ships_is_whole_and_of_its_studies():
    """Every spectrum in ``data/spectra`` is taken by the study that it is named after."""
    folder = ROOT / "data" / "spectra"
    for path in folder.glob("*.json"):
        name = path.stem.split("_")[0]
        taken = shipped.find(load_study(ROOT / "workflow" / "studies" / f"{name}.yaml"), folder)
        assert path in taken.values()
    assert reference_spectra.table(folder) in (folder / "README.md").read_text()
