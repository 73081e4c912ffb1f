"""Trained models that ship: taken where the settings agree, kept where one was trained, checked when taken."""

from pathlib import Path

import pytest

from densnet import shipped_models as shipped
from densnet.config import load_study
from densnet.errors import DataError

TINY = Path(__file__).parents[1] / "workflow" / "studies" / "tiny.yaml"


def study(**changes):
    return load_study(TINY, changes)


@pytest.fixture
def folder(tmp_path):
    """The model of the tiny study, shipped."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.pt").write_bytes(b"weights")
    shipped.register(models / "tiny.pt", study().model_settings())
    return models


def find(asked, folder):
    return shipped.find(asked, folder, folder.parent / "trained.pt", folder.parent / "taken.pt")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "copy", "simulation": {"replicas": 1}, "reference": {"max_cycle": 99}},
        {"density_training": {"processes": 2}, "spectra": {"fwhm": 1700.0}},
        {"joint_training": {"learning_rate": 1e-5}},
    ],
)
def test_taken_when_what_decides_it_agrees(folder, changes):
    path, message = find(study(**changes), folder)
    assert path == folder / "tiny.pt"
    assert "models=compute" in message
    shipped.fetch(path, folder / "out.pt")
    assert (folder / "out.pt").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"density_network": {"layers": 3}}, "density_network.layers"),
        ({"energy_training": {"steps": 7}}, "energy_training.steps"),
        ({"joint_training": {"steps": 5}}, "joint_training"),
        ({"labels": {"polar_tensors": {1: 1}}}, "polar_tensors"),
        ({"reference": {"xc": "BLYP"}}, "reference.xc"),
    ],
)
def test_what_differs_is_named(folder, changes, named):
    assert find(study(**changes), folder) == (
        None,
        f"model: trained, since the shipped one of this name has another {named}",
    )
    assert find(study(name="other", **changes), folder) == (None, "")


def test_a_model_that_was_trained_is_kept(folder):
    (folder.parent / "trained.pt").touch()
    path, message = find(study(), folder)
    assert path is None
    assert "the study's own" in message
    (folder.parent / "taken.pt").touch()
    assert find(study(), folder)[0] == folder / "tiny.pt"  # trained since, for a variant


@pytest.mark.parametrize("what", ["models", "labels"])
def test_what_is_computed_is_trained_on(folder, what):
    path, message = find(study(**{what: "compute"}), folder)
    assert path is None
    assert "compute" in message


def test_a_damaged_model_or_index_is_refused(folder, tmp_path):
    (folder / "tiny.pt").write_bytes(b"weight5")
    with pytest.raises(DataError, match=r"tiny\.pt: damaged.*models: compute"):
        shipped.fetch(folder / "tiny.pt", tmp_path / "out.pt")
    (folder / "tiny.pt").unlink()
    with pytest.raises(DataError, match=r"tiny\.pt: No such file.*models: compute"):
        shipped.fetch(folder / "tiny.pt", tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()
    index = folder / "index.json"
    whole = index.read_text()
    for text in (whole.replace('"seed": 1', '"seed": 2'), whole.replace("sha256", "sha"), "{", "[]", '{"tiny": 1}'):
        index.write_text(text)
        with pytest.raises(DataError, match=r"index\.json: .*git checkout"):
            find(study(), folder)


def test_without_any_nothing_is_taken(tmp_path):
    assert find(study(), tmp_path / "none") == (None, "")
