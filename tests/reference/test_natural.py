"""Natural auxiliary functions: what densities are made of is found again, compact and well conditioned."""

import numpy as np
import pytest
from tests.reference.water import LEVEL, rattled

from densnet.config import Basis
from densnet.errors import DataError
from densnet.integrals import auxiliary_molecule
from densnet.reference import auxiliary, labels, method, natural
from densnet.reference.contraction import Contraction, Equations


def frames_of(primitives, hidden, count=6):
    """Oxygen molecules whose densities are random multiples of one hidden radial function for each l."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        mol = method.molecule(rattled("O2", seed=int(rng.integers(1000))), LEVEL)
        transform = primitives.from_pyscf_order(mol.elements)
        metric = transform @ auxiliary_molecule(mol, primitives).intor("int2c2e") @ transform.T
        parts = [np.outer(hidden[l], rng.normal(size=2 * l + 1)).ravel() for _ in mol.elements for l in hidden]
        found.append(Equations(("O", "O"), metric, metric @ np.concatenate(parts)))
    return found


def test_contraction_finds_the_functions_behind_the_densities():
    primitives = auxiliary.even_tempered(["O"], "STO-3G", 2.0, 1)
    rng = np.random.default_rng(1)
    hidden = {l: rng.normal(size=mul) for l, mul in primitives.multiplicities("O").items()}
    found = Contraction(primitives, frames_of(primitives, hidden))
    basis = found.basis(1e-2)
    assert basis.multiplicities("O") == {0: 1, 1: 1}
    for shell in basis.of("O"):
        metric = primitives.coulomb("O", shell.l)
        ours, theirs = np.array(shell.coefficients), hidden[shell.l]
        cosine = ours @ metric @ theirs / np.sqrt((ours @ metric @ ours) * (theirs @ metric @ theirs))
        assert abs(cosine) > 0.9999
        assert (np.diff(found.weights["O", shell.l]) <= 0).all()


def test_every_element_is_needed():
    primitives = auxiliary.even_tempered(["O", "H"], "STO-3G", 2.0, 1)
    size = primitives.size("O")
    with pytest.raises(DataError, match="no training frame contains H"):
        Contraction(primitives, [Equations(("O",), np.eye(size), np.ones(size))])


def labelled(folder, count):
    labels.label([rattled(seed=k) for k in range(count)], LEVEL, out=folder / "0.h5", failed=folder / "0.json")
    return labels.read(folder / "0.h5")


def test_basis_of_a_study_and_its_report(tmp_path):
    frames = {1: labelled(tmp_path, 4)}
    basis, report = natural.make_basis(frames, LEVEL, Basis(beta=2.0, frames=3, threshold=3e-3))
    curve = report["curve"]
    assert curve[0]["threshold"] is None
    sizes = [sum(point["functions"].values()) for point in curve[1:]]
    floors = [point["floor"][1] for point in curve[1:]]
    assert sizes == sorted(sizes)
    assert floors[0] > floors[-1] > 0
    assert floors[-1] < 1.1 * curve[0]["floor"][1]  # the smallest threshold drops nothing that matters
    kept = next(point for point in curve if point["threshold"] == 3e-3)
    assert kept["functions"] == {symbol: basis.size(symbol) for symbol in ("H", "O")}
    assert kept["condition"] < curve[0]["condition"]
    assert report["name"] == basis.name


def test_other_kinds_are_returned_as_they_are(tmp_path):
    frames = {1: labelled(tmp_path, 2)}
    basis, report = natural.make_basis(frames, LEVEL, Basis(kind="named", name="def2-universal-jfit"))
    assert basis == auxiliary.named(["H", "O"], "def2-universal-jfit", 4)
    assert [point["threshold"] for point in report["curve"]] == [None]
