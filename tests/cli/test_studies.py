"""Start geometries: in the format that the name says, of whatever the user calls the molecule."""

import ase.io
import pytest
from ase.build import molecule

from densnet import systems
from densnet.cli import main
from densnet.cli.options import read_molecule
from densnet.cli.studies import STRUCTURES
from densnet.names import smiles_of


@pytest.mark.parametrize("suffix", STRUCTURES)
def test_build_writes_what_the_suffix_says(tmp_path, monkeypatch, suffix):
    made, out = molecule("CH3OH"), tmp_path / f"built{suffix}"
    monkeypatch.setattr(systems, "build", lambda *_, **__: made)
    assert main(["-q", "build", "CO", "-o", str(out)]) == 0
    found = read_molecule(out, vibrating=True)
    assert found.get_chemical_symbols() == made.get_chemical_symbols()
    assert found.positions == pytest.approx(made.positions, abs=1e-4)


@pytest.mark.parametrize("text", ["Methanol", "METHANOL", "CO"])
def test_build_knows_names_in_any_case(tmp_path, monkeypatch, text):
    asked = []
    monkeypatch.setattr(systems, "build", lambda given, *_, **__: asked.append(given) or molecule("CH3OH"))
    assert main(["-q", "build", text, "-o", str(tmp_path / "built.xyz")]) == 0
    assert smiles_of(asked[0].name, asked[0].smiles) == "CO"


def test_build(folder):
    assert main(["-q", "build", "CO", "-o", str(folder / "built.xyz")]) == 0
    assert str(ase.io.read(folder / "built.xyz").symbols) == "COH4"
