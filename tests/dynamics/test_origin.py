"""What a model says about itself, and what is said where it was trained on something else."""

import logging

import pytest
from ase.build import molecule
from tests import toys

from densnet import DenSNetCalculator
from densnet.dynamics import origin
from densnet.files import sha256
from densnet.models.compiled import CompiledModel
from densnet.models.ensemble import Ensemble, load_models

LEVEL = {"xc": "PBE", "basis": "def2-SVP", "dispersion": None}
ALCOHOL = {
    "name": "alcohol",
    "study": {"molecule": {"smiles": "CO"}, "reference": LEVEL},
    "energy_training": {"frames": {"1": 5}, "densnet": "0.1.0"},
}


def model(seed=0, metadata=ALCOHOL):
    made = toys.model(seed)
    made.metadata = metadata
    return made


@pytest.fixture(autouse=True)
def forgetful():
    origin._warn.cache_clear()


def test_where_models_come_from(tmp_path):
    for seed in (0, 1):
        model(seed).save(tmp_path / f"{seed}.pt")
    paths = [tmp_path / f"{seed}.pt" for seed in (0, 1)]
    found = origin.origins(CompiledModel(load_models(paths)))
    assert found[1] == {
        "file": str(paths[1]),
        "sha256": sha256(paths[1]),
        "study": "alcohol",
        "level": LEVEL,
        "densnet": "0.1.0",
    }
    assert found[0]["sha256"] != found[1]["sha256"]
    assert origin.origins(toys.model()) == [{}]
    assert origin.origins(lambda positions: None) == []


def test_a_model_that_ships_is_known_by_its_name():
    (found,) = origin.origins(load_models(["ethanol"]))
    assert found["file"] == "ethanol"
    assert len(found["sha256"]) == 64
    assert (found["study"], found["level"]["basis"]) == ("ethanol", "aug-cc-pVDZ")


def test_another_molecule_is_warned_of_once(caplog):
    calculator = DenSNetCalculator(model())
    with caplog.at_level(logging.WARNING):
        calculator.calculate(molecule("CH3OH"))
        assert not caplog.records
        for _ in range(2):
            calculator.calculate(molecule("H2O"))
    (record,) = caplog.records
    assert record.getMessage().startswith("H2O: the model was trained on CH4O;")


@pytest.mark.parametrize("metadata", [{}, {"study": "toy"}, {"study": {"molecule": {"name": "unheard of"}}}])
def test_nothing_is_said_where_the_model_does_not_say(caplog, metadata):
    origin.warn_beyond_training(model(metadata=metadata), molecule("H2O"))
    assert not caplog.records


def test_one_of_an_ensemble_that_knows_less_is_enough(caplog):
    origin.warn_beyond_training(Ensemble([model(), model(1, {})]), molecule("H2O"))
    assert "trained on CH4O" in caplog.text


def test_an_isomer_and_a_broken_molecule_are_warned_of(caplog):
    alcohol = model(metadata=ALCOHOL | {"study": {"molecule": {"smiles": "CCO"}}})
    ethanol = molecule("CH3CH2OH")
    origin.warn_beyond_training(alcohol, ethanol)
    ethanol.rattle(0.05, seed=0)
    origin.warn_beyond_training(alcohol, ethanol[::-1])  # the order of the atoms counts for nothing
    assert not caplog.records
    origin.warn_beyond_training(alcohol, molecule("CH3OCH3"))
    assert "C2H6O: an isomer of what the model was trained on" in caplog.text
    origin._warn.cache_clear()
    caplog.clear()
    ethanol.positions *= 1.3
    origin.warn_beyond_training(alcohol, ethanol)
    assert "bonds broken" in caplog.text


def test_molecules_are_those_of_the_chains():
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    from densnet.systems import chain

    smiles = "[*:1]c1ccc(s1)[*:2]"
    assert origin._molecules(smiles, (1, 3)).keys() == {CalcMolFormula(chain(smiles, length)) for length in (1, 3)}
    assert origin._molecules("CCO", (1,)).keys() == {"C2H6O"}
    assert origin._molecules("no SMILES", (1,)) == {}
