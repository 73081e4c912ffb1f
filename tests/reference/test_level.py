"""Levels of theory that do not exist are refused by name."""

import pytest
from ase import Atoms
from ase.build import molecule
from tests.reference.water import LEVEL

from densnet.errors import ConfigError
from densnet.reference import method


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": "def2-SPV"}, r"reference.basis: no basis 'def2-SPV' for H.*def2svp"),
        ({"coulomb_basis": "def2-jfti"}, "reference.coulomb_basis"),
        ({"xc": "PBEE"}, "reference.xc: no functional 'PBEE'.*PBE"),
        ({"xc": "PBE-D4"}, "reference.xc: 'PBE-D4' names a dispersion correction; say 'pbe'"),
        ({"xc": "wB97X-D3"}, "reference.xc: no functional 'wB97X-D3'"),
        ({"xc": "LDA,VWN", "dispersion": "d4"}, "D4 has no parameters"),
    ],
)
def test_impossible_levels_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        method.molecule(molecule("H2O"), LEVEL.model_copy(update=change))


def test_a_potential_in_the_place_of_a_core_is_refused():
    """Densities are those of all electrons."""
    with pytest.raises(ConfigError, match=r"reference\.basis: 'def2-SVP' leaves the core of I to a potential"):
        method.molecule(Atoms("HI", [[0, 0, 0], [0, 0, 1.6]]), LEVEL.model_copy(update={"basis": "def2-SVP"}))
