"""The model file with its test errors, and what it says about itself."""

import json

import pytest
import torch
from ase.build import molecule
from tests import toys

from densnet.cli import main
from densnet.config import Reference
from densnet.errors import DataError, ModelError
from densnet.files import sha256
from densnet.models import store
from densnet.models.densnet import DenSNet
from densnet.report import models
from densnet.report.card import card
from densnet.report.packing import pack


def row(split, length, force):
    return {
        "split": split, "length": length, "frames": 8, "dipole_mae_debye": 0.0123, "energy_mae_mev_atom": 0.5,
        "energy_mae_mev": 6.0,
        "energy_mae_centred_mev": 2.0, "force_mae_mev_angstrom": force, "force_rms_mev_angstrom": 900.0,
        "density": {"prior": 8.0, "floor": 0.2, "model": 0.3}, "overlap_angstrom": 0.2,
    }  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """A model with the metadata of training, its evaluation, and where the packed model goes."""
    model = toys.model()
    about = {
        "seconds": 61.7,
        "frames": {"1": 48, "2": 24},
        "device": "cpu",
        "densnet": "0.1.0",
        "versions": {"torch": "2.7"},
    }
    reference = Reference(dispersion="d4").level()
    model.metadata = {
        "name": "toy",
        "study": {"reference": reference, "molecule": {"smiles": "CO"}},
        "density_training": about,
        "energy_training": about,
    }
    model.save(tmp_path / "trained.pt")
    errors = [row("train", 1, 5.0), row("test", 1, 11.0), row("test", 2, 13.0)]
    found = {
        "errors": errors,
        "parity": {},
        "train_lengths": [1],
        "provenance": {"model": sha256(tmp_path / "trained.pt")},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    return [tmp_path / name for name in ("trained.pt", "evaluation.json", "model.pt")]


def test_the_packed_model_is_the_trained_one_with_its_test_errors(files):
    pack(*files)
    trained, packed = DenSNet.load(files[0]), DenSNet.load(files[2])
    atoms = molecule("CH3OH")
    graph = trained.graph([(atoms.get_chemical_symbols(), atoms.positions)])
    assert torch.equal(trained(graph)["energy"], packed(graph)["energy"])
    found = packed.metadata.pop("evaluation")
    assert packed.metadata == trained.metadata
    assert [(error["split"], error["force_mae_mev_angstrom"]) for error in found["errors"]] == [
        ("test", 11),
        ("test", 13),
    ]
    assert found["train_lengths"] == [1]


def test_a_shipped_model_is_in_the_table_and_known_by_its_name(files, tmp_path, monkeypatch, capsys):
    pack(*files)
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "models")
    with pytest.raises(ModelError, match=r"trained\.pt: has no evaluation; ship results/STUDY/model\.pt"):
        models.add(files[0], tmp_path / "models", {"seed": 1})
    assert models.add(files[2], tmp_path / "models", {"seed": 1}) == tmp_path / "models" / "toy.pt"
    text = (tmp_path / "models" / "README.md").read_text()
    assert "| `toy.pt` | PBE-D4/def2-SVP | monomer | 48 | 0.300 | 0.0123 | 6.0 | 11.0 | 123 | 0.1 |" in text
    assert "|  |  | 2-mer | 24 | 0.300 | 0.0123 | 6.0 | 13.0 |  |  |  |" in text
    assert sha256(tmp_path / "models" / "toy.pt")[:16] in text
    assert DenSNet.load("toy").metadata["name"] == "toy"
    with pytest.raises(ModelError, match=r"tox: no such model file, and none that ships .*there are: toy"):
        DenSNet.load("tox")
    assert main(["info", "toy"]) == 0
    assert "of study toy" in capsys.readouterr().out
    assert models.add(files[2], tmp_path / "models", {"seed": 2}, "other") == tmp_path / "models" / "other.pt"


def test_errors_of_another_model_are_refused(files):
    toys.model(5).save(files[0])
    with pytest.raises(DataError, match=r"evaluation\.json: errors of another model than .*trained\.pt"):
        pack(*files)
    assert not files[2].exists()


def test_a_card_says_what_the_model_is(files):
    pack(*files)
    text = card(files[2])
    for words in (
        "model.pt, of study toy",
        "H (5 functions) C (14 functions) O (14 functions)",
        "PBE-D4/def2-SVP",
        "gaunt, 1 layer(s) of 8x0e+4x1o+2x2e, cutoff 4 Å",
        "48 of a monomer, 24 of a 2-mer",
        "density network 62 s on cpu, energy network 62 s on cpu",
        "densnet 0.1.0, torch 2.7",
        "| monomer | 8 | 8.00 | 0.200 | 0.300 | 0.0123 | 0.50 | 2.0 | 11 | 900 | 0.20 |",
        "| 2-mer (not trained on) | 8 |",
    ):
        assert words in text


def test_a_card_says_what_it_does_not_know(tmp_path):
    toys.model().save(tmp_path / "bare.pt")
    text = card(tmp_path / "bare.pt")
    assert text.count("not said in this file") == 5
    assert "No test errors in this file" in text


def test_the_command(files, capsys):
    assert main(["info", str(files[0])]) == 0
    assert capsys.readouterr().out == card(files[0])
    assert main(["info", str(files[1])]) == 2
    assert "evaluation.json: not a model file" in capsys.readouterr().err
    with pytest.raises(ModelError, match="no such model file"):
        card(files[2])
