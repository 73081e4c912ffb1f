"""Auxiliary bases: what is asked for, and contractions that lose little."""

import numpy as np
import pytest
from pyscf import gto
from tests.reference.water import LEVEL, rattled

from densnet.basis import AuxiliaryBasis, Shell
from densnet.config import Basis
from densnet.errors import ConfigError, DataError
from densnet.reference import auxiliary, natural
from densnet.reference.grid_errors import auxiliary_molecule

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


def test_natural_finds_the_contraction_behind_the_coefficients():
    """Coefficients that are multiples of one radial function give that function back, alone."""
    primitives = auxiliary.even_tempered(["O"], "STO-3G", 2.0, 1)
    rng = np.random.default_rng(0)
    hidden = {l: rng.normal(size=mul) for l, mul in primitives.multiplicities("O").items()}
    frames = []
    for _ in range(4):
        atoms = [np.outer(radial, rng.normal(size=2 * l + 1)).ravel() for l, radial in hidden.items()]
        frames.append((["O"], np.concatenate(atoms)))
    basis, values = auxiliary.natural(primitives, frames, 1e-6)
    assert basis.multiplicities("O") == {0: 1, 1: 1}
    for shell in basis.of("O"):
        parts = zip(shell.coefficients, hidden[shell.l], strict=True)
        ratio = np.array([found / expected for found, expected in parts])
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
        assert values["O"][shell.l][1] < 1e-10


def test_natural_contractions_are_orthonormal():
    primitives = auxiliary.even_tempered(["O"], "STO-3G", 1.8, 2)
    rng = np.random.default_rng(0)
    frames = [(["O", "O"], rng.normal(size=2 * primitives.size("O"))) for _ in range(30)]
    basis, _ = auxiliary.natural(primitives, frames, 0.0)
    assert basis.multiplicities("O") == primitives.multiplicities("O")
    for l, mul in basis.multiplicities("O").items():
        np.testing.assert_allclose(basis.overlap("O", l), np.eye(mul), atol=1e-5)


def test_natural_needs_every_element():
    primitives = auxiliary.even_tempered(["O", "H"], "STO-3G", 2.0, 1)
    with pytest.raises(DataError, match="no training frame contains H"):
        auxiliary.natural(primitives, [(["O"], np.ones(primitives.size("O")))], 0.1)


def test_basis_of_a_study_and_its_report():
    frames = {1: [rattled(seed=k) for k in range(4)]}
    basis, report = natural.make_basis(frames, LEVEL, Basis(beta=2.0, frames=3, threshold=1e-2))
    curve = report["curve"]
    assert curve[0]["threshold"] is None
    sizes = [sum(point["functions"].values()) for point in curve[1:]]
    floors = [point["floor"][1] for point in curve[1:]]
    assert sizes == sorted(sizes)
    assert floors[0] > floors[-1] > 0
    assert floors[-1] < 1.1 * curve[0]["floor"][1]  # the smallest threshold drops nothing that matters
    kept = next(point for point in curve if point["threshold"] == 1e-2)
    assert kept["functions"] == {symbol: basis.size(symbol) for symbol in ("H", "O")}
    assert kept["condition"] < curve[0]["condition"]
    assert report["name"] == basis.name


def test_other_kinds_are_returned_as_they_are():
    frames = {1: [rattled(seed=k) for k in range(2)]}
    basis, report = natural.make_basis(frames, LEVEL, Basis(kind="named", name="def2-universal-jfit"))
    assert basis == auxiliary.named(["H", "O"], "def2-universal-jfit", 4)
    assert [point["threshold"] for point in report["curve"]] == [None]


def test_impossible_bases_are_named():
    with pytest.raises(ConfigError, match=r"basis.name: no basis 'def2-jkfitt'.*jkfit"):
        auxiliary.check_basis(LEVEL, Basis(kind="named", name="def2-jkfitt"), ["H"])
