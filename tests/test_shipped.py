"""Reference sets that ship: taken when the settings agree, checked when taken, described when added."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training import labelled

from densnet import shipped, shipped_models
from densnet.config import SPLITS, Labels, fingerprint, load_study
from densnet.dataset import Dataset, gather
from densnet.errors import CalculationError, DataError
from densnet.frames import FrameFile
from densnet.models.densnet import DenSNet
from densnet.report import models, sets

ROOT = Path(__file__).parents[1]
TINY = ROOT / "workflow" / "studies" / "tiny.yaml"
SETS = ROOT / "data"
MODELS = ROOT / "models"


def study(**changes):
    return load_study(TINY, changes)


@pytest.fixture
def folder(tmp_path):
    """A folder with one set, said to be the tiny study's."""
    opened = Dataset.open(labelled.dataset(tmp_path))
    settings = study().data_settings()
    level = settings["reference"]
    settings["sampling"]["toy"] = {"method": "aimd"}
    fits = {length: [tmp_path / f"{length}.h5"] for length in opened.lengths}
    for (path,) in fits.values():
        file = FrameFile.read(path, "fit")
        arrays = file.arrays | {"floor_error": file.arrays["floor_error"] + 0.3}
        replace(file, arrays=arrays, about=file.about | {"level": level}).write(path)
    meta = {"name": "tiny", "study": settings}
    gather(fits, tmp_path / "made.zarr.zip", opened.basis, opened.free_atoms, meta)
    sets.add(tmp_path / "made.zarr.zip", tmp_path / "data")
    index = json.loads((tmp_path / "data" / "index.json").read_text())
    del index["tiny"]["settings"]["sampling"]["toy"]  # a campaign that only the stand-in labels know
    index["tiny"]["fingerprint"] = fingerprint(index["tiny"]["settings"])
    index["tiny"]["densities"] = list(SPLITS)
    (tmp_path / "data" / "index.json").write_text(json.dumps(index))
    return tmp_path / "data"


def find(asked, folder):
    return shipped.find(asked, folder, folder.parent / "results")


def test_taken_when_the_settings_agree(folder):
    path, message = find(study(), folder)
    assert path == folder / "tiny.zarr.zip"
    assert "the shipped set" in message
    assert find(study(reference={"device": "cpu", "max_cycle": 99}, name="copy"), folder)[0] == path


def test_left_aside_when_labels_are_to_be_computed(folder):
    assert load_study(TINY, {"labels": "compute"}).labels.max_floor == study().labels.max_floor
    path, message = find(study(labels="compute"), folder)
    assert path is None
    assert "labels are computed" in message


def test_other_settings_are_named(folder):
    path, message = find(study(seed=2, reference={"xc": "BLYP"}), folder)
    assert path is None
    assert message.endswith("the shipped set of this name has another seed, reference.xc")


def test_a_set_without_the_densities_that_a_study_trains_on_is_not_taken(folder):
    index = json.loads((folder / "index.json").read_text())
    index["tiny"]["densities"] = ["test"]
    (folder / "index.json").write_text(json.dumps(index))
    path, message = find(study(), folder)
    assert path is None
    assert "has no densities of train and validation frames (labels.keep_densities)" in message
    assert find(study(labels={"keep_densities": ["test"]}), folder)[0] == folder / "tiny.zarr.zip"


def test_the_nearest_set_of_the_same_molecule_is_named_with_what_differs(folder):
    path, message = find(study(name="second-seed", seed=2), folder)
    assert path is None
    assert "the shipped set of this molecule, 'tiny', has another seed; for another training alone, give" in message
    path, message = find(study(name="finer", molecule={"smiles": "O([*:2])[*:1]"}, reference={"xc": "BLYP"}), folder)
    assert path is None
    assert message.endswith("'tiny', has another molecule.smiles, reference.xc")
    index = json.loads((folder / "index.json").read_text())
    index["far"] = json.loads(json.dumps(index["tiny"]))
    index["far"]["settings"]["seed"] = 3
    index["far"]["fingerprint"] = fingerprint(index["far"]["settings"])
    (folder / "index.json").write_text(json.dumps(dict(reversed(index.items()))))
    message = find(study(name="finer", reference={"xc": "BLYP"}), folder)[1]
    assert message.endswith("the shipped set of this molecule, 'tiny', has another reference.xc")


def test_a_study_without_a_set_hears_nothing(folder, tmp_path):
    assert find(study(name="other", molecule={"name": "polysulphide", "smiles": "[*:1]S[*:2]"}), folder) == (None, "")
    assert find(study(), tmp_path / "nowhere") == (None, "")


def test_labels_that_were_computed_are_kept(folder, tmp_path):
    home = tmp_path / "results" / "tiny"
    (home / "fits").mkdir(parents=True)
    assert find(study(), folder)[0] is not None, "begun is not computed"
    (home / "dataset.zarr.zip").touch()
    path, message = find(study(), folder)
    assert path is None
    assert "those computed before" in message


def test_the_copy_is_checked(folder, tmp_path):
    shipped.fetch(folder / "tiny.zarr.zip", tmp_path / "out.zip", Labels())
    assert (tmp_path / "out.zip").read_bytes() == (folder / "tiny.zarr.zip").read_bytes()
    content = bytearray((folder / "tiny.zarr.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "tiny.zarr.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"tiny\.zarr\.zip: damaged.*labels: compute"):
        shipped.fetch(folder / "tiny.zarr.zip", tmp_path / "other.zip", Labels())
    assert not (tmp_path / "other.zip").exists()
    (folder / "index.json").write_text("{")
    with pytest.raises(DataError, match=r"index\.json: not an index"):
        find(study(), folder)


def test_a_damaged_index_is_not_believed(folder):
    index = json.loads((folder / "index.json").read_text())
    entry = index["tiny"]
    for damaged, message in (
        ({**entry, "fingerprint": "another"}, r"index\.json: settings of tiny are not.*git checkout"),
        ({"settings": entry["settings"]}, r"index\.json: not an index \(KeyError.*git checkout"),
    ):
        (folder / "index.json").write_text(json.dumps({"tiny": damaged}))
        with pytest.raises(DataError, match=message):
            find(study(), folder)


def test_a_set_poorer_than_the_study_accepts_is_refused(folder, tmp_path):
    with pytest.raises(CalculationError, match=r"labels.max_floor = 0.2 %"):
        shipped.fetch(folder / "tiny.zarr.zip", tmp_path / "out.zip", Labels(max_floor=0.2))
    assert not (tmp_path / "out.zip").exists()


def test_the_table_describes_what_was_added(folder):
    row = (folder / "README.md").read_text().splitlines()[4]
    assert row.startswith("| `tiny.zarr.zip` | PBE/STO-3G | 1:6, 2:6 | 1:2, 2:2 | – | – | 100 |")


def test_sets_of_unknown_origin_are_refused(tmp_path):
    with pytest.raises(DataError, match="does not say its 'name'"):
        sets.add(labelled.dataset(tmp_path), tmp_path / "data")


@pytest.mark.parametrize("name", sorted(shipped.read_index(SETS)))
def test_what_ships_is_what_the_index_says_and_what_its_study_takes(name, tmp_path):
    asked = load_study(ROOT / "workflow" / "studies" / f"{name}.yaml")
    assert shipped.find(asked, SETS, tmp_path)[0] == SETS / f"{name}.zarr.zip"
    shipped.fetch(SETS / f"{name}.zarr.zip", tmp_path / "set.zip", asked.labels)
    opened = Dataset.open(tmp_path / "set.zip")
    assert sets.counts(opened) == shipped.read_index(SETS)[name]["frames"]
    wanted = {split: {str(n): count for n, count in getattr(asked.frames, split).items()} for split in SPLITS}
    assert sets.counts(opened) == wanted
    tensors = {
        length: int(np.isfinite(found.polar_tensor).all((1, 2, 3)).sum()) for length, found in opened.of("train")
    }
    assert {length: count for length, count in tensors.items() if count} == asked.labels.polar_tensors


def test_the_workflow_finds_sets_from_another_folder_and_keeps_results_of_another_molecule(tmp_path):
    (tmp_path / "results" / "ethanol").mkdir(parents=True)
    (tmp_path / "results" / "ethanol" / "dataset.zarr.zip").symlink_to(SETS / "ethanethiol.zarr.zip")
    asked = [
        "-s",
        ROOT / "Snakefile",
        "--directory",
        tmp_path,
        "--dry-run",
        "--cores",
        "1",
        "--config",
        "study=ethanol",
    ]
    command, merged = [sys.executable, "-m", "snakemake", *asked], subprocess.STDOUT
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=merged, text=True, cwd=tmp_path)
    assert result.returncode
    assert re.search(r"labels: the shipped set \.\./\S+/data/ethanol\.zarr\.zip", result.stdout), result.stdout
    assert "results/ethanol holds results of CCS; give the study another name" in result.stdout


@pytest.mark.skipif(not shipped.read_index(SETS), reason="no set ships yet")
def test_the_tables_of_what_ships_are_up_to_date():
    table = sets.table(SETS)
    assert len(table.splitlines()) > 2
    assert table in (SETS / "README.md").read_text()
    assert table in (ROOT / "README.md").read_text()
    assert sum(path.stat().st_size for path in SETS.iterdir()) < 80e6


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.pt")), ids=lambda path: path.stem)
def test_models_that_ship_are_of_the_study_of_their_name(path):
    model, asked = DenSNet.load(path.stem), load_study(ROOT / "workflow" / "studies" / f"{path.stem}.yaml")
    assert model.metadata["name"] == asked.molecule.name
    assert path.stem.startswith(asked.molecule.name)  # two models of chains learn from one set
    assert model.metadata["study"] == asked.data_settings()
    assert shipped_models.find(asked, MODELS, ROOT / "none", ROOT / "none")[0] == path
    for name in ("density_training", "energy_training", *(["joint_training"] if asked.joint_training.steps else [])):
        section = getattr(asked, name)
        assert type(section)(**model.metadata[name]["settings"]) == section
    assert (model.density.config, model.energy.config) == (asked.density_network, asked.energy_network)
    assert path.stat().st_size < 10e6


@pytest.mark.skipif(not list(MODELS.glob("*.pt")), reason="no model ships yet")
def test_the_tables_of_models_are_up_to_date():
    table = models.table(MODELS)
    assert table in (MODELS / "README.md").read_text()
    assert table in (ROOT / "README.md").read_text()
