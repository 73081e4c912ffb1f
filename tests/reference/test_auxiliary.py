"""Auxiliary bases: what is asked for, and contractions that lose little."""

import numpy as np
import pytest
from pyscf import gto
from tests.reference.water import LEVEL

from densnet.basis import AuxiliaryBasis
from densnet.config import Basis
from densnet.errors import ConfigError
from densnet.gaussians import Shell
from densnet.integrals import auxiliary_molecule
from densnet.reference import auxiliary

GEOMETRY = [("S", (0, 0, 0)), ("O", (0.3, 1.2, 2.0)), ("H", (0.1, -2.0, 0.4))]


@pytest.mark.parametrize("name", ["def2-universal-jfit", "def2-universal-jkfit", "cc-pvdz"])
def test_named_sets_are_pyscfs(name):
    """The same functions, up to sign: general contractions are taken apart, and primitives normalised."""
    symbols = [symbol for symbol, _ in GEOMETRY]
    basis = auxiliary.named(symbols, name, 5)
    ours = gto.M(atom=GEOMETRY, unit="B", basis=basis.to_pyscf(), spin=None, verbose=0)
    theirs = gto.M(atom=GEOMETRY, unit="B", basis=name, spin=None, verbose=0)
    assert ours.nao == theirs.nao == basis.offsets(symbols)[-1]
    for integral in ("int1e_ovlp", "int2c2e"):
        found, expected = (np.linalg.eigvalsh(mol.intor(integral)) for mol in (ours, theirs))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_highest_angular_momentum_is_cut():
    assert max(s.l for s in auxiliary.named(["S"], "def2-universal-jkfit", 2).of("S")) == 2
    assert max(s.l for s in auxiliary.even_tempered(["S"], "def2-SVP", 2.0, 3).of("S")) == 3


def test_even_tempered_exponents_are_geometric():
    exponents = np.array(
        [s.exponents[0] for s in auxiliary.even_tempered(["C"], "def2-SVP", 1.9, 4).of("C") if s.l == 1]
    )
    np.testing.assert_allclose(exponents[:-1] / exponents[1:], 1.9)


def test_general_contractions_are_the_same_functions():
    s, d = (9.0, 2.0, 0.4), (3.0, 0.5)
    shells = (
        Shell(0, s, (0.2, 0.5, 0.6)), Shell(0, s, (0.7, -0.5, 0.1)), Shell(0, (1.1,), (1.0,)),
        Shell(2, d, (0.3, 0.9)), Shell(2, d, (0.9, -0.4)),
    )  # fmt: skip
    basis = AuxiliaryBasis({"S": shells, "O": shells[:2], "H": shells[2:3]})
    plain = gto.M(atom=GEOMETRY, unit="B", basis=basis.to_pyscf(), spin=None, verbose=0)
    general = auxiliary_molecule(gto.M(atom=GEOMETRY, unit="B", basis="STO-3G", spin=None, verbose=0), basis)
    assert general.nbas < plain.nbas
    np.testing.assert_allclose(general.intor("int2c2e"), plain.intor("int2c2e"), atol=1e-10)


def test_enriched_primitives_reach_higher():
    plain, rich = (auxiliary.even_tempered(["H", "C"], "def2-SVP", 2.0, 4, enrich) for enrich in (False, True))
    assert set(plain.multiplicities("H")) == {0, 1, 2}
    assert set(rich.multiplicities("H")) == {0, 1, 2, 3}
    assert rich.multiplicities("H")[3] == plain.multiplicities("H")[2]
    exponents = {l: {shell.exponents[0] for shell in rich.of("C") if shell.l == l} for l in range(5)}
    assert exponents[3] <= exponents[4]
    assert set(rich.multiplicities("C")) == set(range(5))


def test_impossible_bases_are_named():
    with pytest.raises(ConfigError, match=r"basis.name: no basis 'def2-jkfitt'.*jkfit"):
        auxiliary.check_basis(LEVEL, Basis(kind="named", name="def2-jkfitt"), ["H"])
