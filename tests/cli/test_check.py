"""`densnet check`, `schema` and what they say of a study."""

import json

import pytest
from tests.cli.commands import refused

from densnet.cli import main
from densnet.config import schema


def test_check_and_schema(folder, capsys):
    assert main(["check", str(folder / "study.yaml")]) == 0
    assert "sound" in capsys.readouterr().err
    assert main(["-q", "schema", "-o", str(folder / "schema.json")]) == 0
    assert json.loads((folder / "schema.json").read_text()) == schema()


def test_misspelt_study_key_is_explained(folder, capsys):
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace("lengths: [1]}\n", "lengths: [1], replica: 3}\n"))
    message = refused(capsys, "check", path)
    assert "simulation.replica: unknown key; did you mean 'replicas'?" in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{name: water}", "{name: watr}", "molecule.name: 'watr' is not a known molecule (did you mean water?)"),
        ("sampling:", "reference: {basis: STO-33G}\nsampling:", "reference.basis: no basis 'STO-33G' for H"),
        ("sampling:", "reference: {xc: PBEE}\nsampling:", "reference.xc: no functional 'PBEE'"),
        ("sampling:", "energy_network: {irreps: 3x1o}\nsampling:", "irreps '3x1o'"),
        ("sampling:", "variants: {odd: {energy_network: {irreps: 3x1o}}}\nsampling:", "irreps '3x1o'"),
    ],
)
def test_check_refuses_what_cannot_be_computed(folder, capsys, old, new, message):
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert message in refused(capsys, "check", path)
