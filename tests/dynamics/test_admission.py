"""What is no neutral closed-shell molecule in vacuum is refused by whatever takes a structure."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from tests import toys

from densnet import DenSNetCalculator, EnsembleCalculator
from densnet.dynamics.start import Start
from densnet.dynamics.vibrations import harmonic_spectrum, modes_at
from densnet.errors import ModelError

MODELS = toys.model(), toys.model(1)
CALCULATORS = DenSNetCalculator(MODELS[0]), EnsembleCalculator(MODELS)


def water(**changes):
    atoms = molecule("H2O")
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


def charged(charges):
    atoms = water()
    atoms.set_initial_charges(charges)
    return atoms


UNSUITABLE = {
    "structure: no atoms": Atoms(),
    "OH2: periodic": water(pbc=(False, False, True)),
    r"OH2: has the charge \+1": water(info={"charge": np.int64(1)}),
    r"OH2: has the charge -1": charged([-1.4, 0.2, 0.2]),
    "OH2: has the charge 'two'": water(info={"charge": "two"}),
    r"CH3: has an odd number of electrons \(9\)": molecule("CH3"),
    r"OH2: atoms O0 and H1 are 0\.1 Å apart": water(positions=[[0, 0, 0], [0, 0, 0.1], [0, 1, 0]]),
    "OH2: positions are not finite": water(positions=np.full((3, 3), np.nan)),
}


@pytest.mark.parametrize(("message", "atoms"), UNSUITABLE.items(), ids=UNSUITABLE)
def test_unsuitable_structures(message, atoms, tmp_path):
    for calculator in CALCULATORS:
        with pytest.raises(ModelError, match=message):
            calculator.get_property("energy", atoms)
    with pytest.raises(ModelError, match=message.partition(":")[2]):
        Start(atoms, 1, tmp_path / "a.h5")
    for vibrations in (harmonic_spectrum, modes_at):
        with pytest.raises(ModelError, match=message):
            vibrations(MODELS[0], atoms)


def test_a_single_atom_has_an_energy_but_does_not_vibrate(tmp_path):
    atom = Atoms("O")
    assert np.isfinite(CALCULATORS[0].get_property("energy", atom))
    with pytest.raises(ModelError, match="O: a single atom does not vibrate"):
        harmonic_spectrum(MODELS[0], atom)
    with pytest.raises(ModelError, match=r"start of .*a\.h5: a single atom does not vibrate"):
        Start(atom, 1, tmp_path / "a.h5")


def test_rounded_partial_charges_of_a_neutral_molecule_are_none():
    assert np.isfinite(CALCULATORS[0].get_property("energy", charged([-0.83, 0.42, 0.42])))


def test_a_refused_structure_leaves_nothing_of_the_one_before():
    calculator = DenSNetCalculator(MODELS[0])
    calculator.calculate(water())
    with pytest.raises(ModelError, match="periodic"):
        calculator.calculate(water(pbc=True))
    assert not calculator.results


@pytest.mark.parametrize("several", [False, True])
def test_results_that_are_not_finite(several):
    broken = toys.model(2)
    broken.energy.shift.fill_(np.nan)
    calculator = EnsembleCalculator([MODELS[0], broken]) if several else DenSNetCalculator(broken)
    with pytest.raises(ModelError, match=r"OH2: energy.* of the model not finite"):
        calculator.get_property("forces", water())
