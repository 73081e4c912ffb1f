"""Structures from names and SMILES."""

import numpy as np
import pytest

from densnet import systems
from densnet.config import Molecule
from densnet.errors import CalculationError, ConfigError
from densnet.systems import build, chain, conformers, elements

THIOPHENE = Molecule(name="thiophene", smiles="[*:1]c1ccc(s1)[*:2]")


@pytest.mark.parametrize("length", [1, 2, 5])
def test_chain_counts(length):
    atoms = build(THIOPHENE, length, relax=False)
    assert atoms.get_chemical_formula() == f"C{4 * length}H{2 * length + 2}S{length if length > 1 else ''}"


def test_units_are_joined_head_to_tail():
    from rdkit import Chem

    assert Chem.MolToSmiles(chain("[*:1]CC(C)[*:2]", 2)) == Chem.MolToSmiles(Chem.MolFromSmiles("CC(C)CCC"))
    assert Chem.MolToSmiles(chain("[*:1]C(O)[*:2]", 1)) == "CO"


def test_relaxed_and_reproducible():
    water = Molecule(name="water")
    one, two = build(water, seed=3), build(water, seed=3)
    np.testing.assert_array_equal(one.positions, two.positions)
    assert one.get_distance(0, 1) == pytest.approx(0.96, abs=0.02)


def test_conformers_differ():
    ethanol = Molecule(name="ethanol")
    trans, gauche = (build(ethanol, conformer=k, relax=False) for k in (0, 1))
    distances = [np.sort(atoms.get_all_distances().ravel()) for atoms in (trans, gauche)]
    assert np.abs(distances[0] - distances[1]).max() > 0.1


@pytest.mark.parametrize(("molecule", "count"), [("CCS", 2), ("c1cc(cc(c1)O)O", 3)])
def test_rare_conformers_are_found(molecule, count):
    starts = conformers(Molecule(name="thiol or phenol", smiles=molecule, conformers=9), 1)
    assert len(starts) == count


def test_long_chains_have_a_regular_conformer():
    atoms = build(THIOPHENE, 10, relax=False)  # in 24 embeddings of ten rings there is none without a kink
    sulphurs = atoms.positions[atoms.symbols == "S"]
    second = np.linalg.norm(sulphurs[2:] - sulphurs[:-2], axis=1)
    np.testing.assert_allclose(second, second.mean(), atol=0.05)
    assert len(build(Molecule(name="polyoxide", smiles="[*:1]O[*:2]"), 3, relax=False)) == 5


def test_start_geometries_are_the_conformers_one_by_one():
    ethanol = Molecule(name="ethanol", conformers=2)
    found = conformers(ethanol, 1, seed=4)
    assert len(found) == 2
    np.testing.assert_array_equal(found[1].positions, build(ethanol, conformer=1, seed=4).positions)
    assert len(conformers(Molecule(name="water", conformers=3), 1)) == 1


def test_elements():
    assert elements(THIOPHENE) == ["C", "H", "S"]


@pytest.mark.parametrize(
    ("molecule", "length", "words"),
    [
        (Molecule(name="etanol"), 1, "did you mean ethanol"),
        (Molecule(name="x", smiles="C1CC"), 1, "not a valid SMILES"),
        (Molecule(name="x", smiles="CC"), 2, "no attachment points"),
        (Molecule(name="x", smiles="[*:1]CC"), 2, "needs exactly the attachment points"),
        (Molecule(name="x", smiles="CC"), 0, "at least one unit"),
        (Molecule(name="x", smiles="[NH4+]"), 1, r"'\[NH4\+\]' has the charge \+1"),
        (Molecule(name="x", smiles="[CH3]"), 1, "has 1 unpaired electron"),
        (Molecule(name="x", smiles="[Na+].[Cl-]"), 1, "is 2 molecules"),
        (Molecule(name="x", smiles="[*:1]C([O-])[*:2]"), 2, "has the charge -2"),
        (Molecule(name="x", smiles="[*:1]=CC=[*:2]"), 2, r"has a multiple bond at \[\*:1\] or \[\*:2\]"),
        (Molecule(name="x", smiles="[*:1]=CC=[*:2]"), 1, r"has a multiple bond at \[\*:1\] or \[\*:2\]"),
        (
            Molecule(name="x", smiles="[2H]OC"),
            1,
            r"'\[2H\]OC' has the isotope \[2H\]; masses are those of the elements",
        ),
        (Molecule(name="x", smiles="[*:1]C[13CH2]C[*:2]"), 2, r"has the isotope \[13C\]"),
    ],
)
def test_bad_molecules(molecule, length, words):
    with pytest.raises(ConfigError, match=words):
        build(molecule, length)


def test_an_element_that_xtb_does_not_know_is_one_clear_error():
    with pytest.raises(CalculationError, match=r"U: GFN2-xTB, .* fails \(No support for elements with Z >86"):
        build(Molecule(name="uranium", smiles="[U]"))


def test_a_start_that_is_not_relaxed_is_told(monkeypatch, caplog):
    monkeypatch.setattr(systems, "STEPS", 1)
    build(Molecule(name="water"))
    assert "OH2: start geometry not relaxed to 0.05 eV/Angstrom in 1 steps" in caplog.text
    caplog.clear()
    monkeypatch.setattr(systems, "STEPS", 300)
    build(Molecule(name="water"))
    assert "not relaxed" not in caplog.text


def test_a_single_atom_is_no_molecule():
    with pytest.raises(ConfigError, match=r"'\[Xe\]' is a single atom, which does not vibrate"):
        elements(Molecule(name="xenon", smiles="[Xe]"))
