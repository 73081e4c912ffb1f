"""Names that belong to another molecule: those of studies of the project, and those of results."""

from pathlib import Path

import ase.io
import pytest
from ase.build import molecule as build

from densnet.config import Molecule, check_results, load_study
from densnet.errors import ConfigError

ROOT = Path(__file__).parents[1]
TINY = ROOT / "workflow" / "studies" / "tiny.yaml"
ETHANOL, THIOL = Molecule(name="ethanol"), Molecule(name="some thiol", smiles="SCC")


def test_a_study_of_the_project_keeps_its_name(tmp_path):
    text = TINY.read_text()
    copy = tmp_path / "mine.yaml"
    copy.write_text(text)
    assert load_study(copy).name == "tiny"
    copy.write_text(text.replace("[*:1]O[*:2]", "[*:1]S[*:2]"))
    with pytest.raises(ConfigError, match=r"name: 'tiny' is a study of \[\*:1\]O\[\*:2\] in .*; give this one another"):
        load_study(copy)
    assert load_study(copy, {"name": "sulphides"}).name == "sulphides"


def test_results_are_not_replaced_by_those_of_another_molecule(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "dataset.zarr.zip").symlink_to(ROOT / "data" / "ethanethiol.zarr.zip")
    check_results("mine", THIOL, tmp_path)
    check_results("yours", ETHANOL, tmp_path)
    with pytest.raises(ConfigError, match=r"mine holds results of CCS; give the study another name"):
        check_results("mine", ETHANOL, tmp_path)


def test_frames_are_known_by_their_elements(tmp_path):
    (tmp_path / "mine" / "frames").mkdir(parents=True)
    ase.io.write(tmp_path / "mine" / "frames" / "1.extxyz", build("CH3CH2OH"))
    check_results("mine", ETHANOL, tmp_path)
    with pytest.raises(ConfigError, match=r"mine holds results of C2H6O; give the study another name"):
        check_results("mine", THIOL, tmp_path)


def test_what_cannot_be_read_belongs_to_nobody(tmp_path):
    (tmp_path / "mine" / "frames").mkdir(parents=True)
    (tmp_path / "mine" / "dataset.zarr.zip").write_bytes(b"half of a")
    (tmp_path / "mine" / "frames" / "1.extxyz").write_text("")
    check_results("mine", ETHANOL, tmp_path)
