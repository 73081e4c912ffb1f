"""Bad input gives one clear line and a non-zero exit, from wherever in the DAG it is noticed."""

import pytest
import torch

pytestmark = pytest.mark.slow


def refused(house, *arguments):
    """Run, expect a failure without a traceback, and return what was printed."""
    result = house.run(*arguments)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout, result.stdout
    return result.stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: tiny", "nmae: tiny", "nmae: unknown key; did you mean 'name'?"),
        ("temperature: 300.0", "temperature: -300.0", "simulation.temperature: Input should be greater than 0"),
        ("train: {1: 12, 2: 12}", "train: {}", "frames.train: Dictionary should have at least 1 item"),
        (
            "simulation: {lengths: [1, 2]",
            "simulation: {lengths: []",
            "simulation.lengths: List should have at least 1 item",
        ),
    ],
    ids=["misspelt key", "negative temperature", "nothing to train on", "no targets"],
)
def test_wrong_study(house, old, new, message):
    study = house.root / "workflow" / "studies" / "tiny.yaml"
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new, 1))
    assert f"  {message}" in refused(house, "--dry-run")


def test_several_mistakes_in_one_message(house):
    study = house.root / "workflow" / "studies" / "tiny.yaml"
    study.write_text(study.read_text() + "sprectra: {}\nseed: -1\n")
    message = refused(house, "--dry-run")
    assert "2 wrong setting(s)" in message
    assert "sprectra: unknown key; did you mean 'spectra'?" in message
    assert "seed: Input should be greater than or equal to 0" in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name: polyoxide\n  smiles: "[*:1]O[*:2]"', "name: polyoxide", "molecule.name: 'polyoxide'"),
        ('smiles: "[*:1]O[*:2]"', 'smiles: "[*:1]Q[*:2]"', "molecule.smiles"),
        ("basis: STO-3G", "basis: STO-33G", "reference.basis"),
        ("basis: STO-3G", "basis: STO-3G\n  xc: PBEE", "reference.xc"),
    ],
    ids=["unknown name", "impossible molecule", "impossible basis", "impossible functional"],
)
def test_study_that_chemistry_refuses(house, old, new, message):
    study = house.root / "workflow" / "studies" / "tiny.yaml"
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new, 1))
    assert len([line for line in refused(house, "--dry-run").splitlines() if message in line]) == 1


def test_corrupt_label_file(lived_in):
    path = lived_in.root / "results" / "tiny" / "labels" / "2" / "0.h5"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    lines = [line for line in refused(lived_in, "labels").splitlines() if line.startswith("densnet basis: ")]
    assert len(lines) == 1
    assert "labels/2/0.h5" in lines[0]


def test_model_of_another_version(lived_in):
    path = lived_in.root / "results" / "tiny" / "energy" / "model.pt"
    values = torch.load(path, weights_only=True)
    torch.save({**values, "format": 99}, path)
    lines = [line for line in refused(lived_in, "evaluate").splitlines() if line.startswith("densnet ")]
    assert len(lines) == 1
    assert "99" in lines[0]
