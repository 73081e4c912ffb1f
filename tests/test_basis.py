"""The layout of a coefficient vector, against PySCF's own integrals."""

import numpy as np
import pytest
from pyscf import gto

from densnet.basis import AuxiliaryBasis
from densnet.errors import DataError
from densnet.gaussians import Shell

SYMBOLS = ["O", "H", "H"]
POSITIONS = np.array([[0.1, 0.0, 0.2], [0.0, -1.4, 1.1], [0.3, 1.5, 1.0]])  # bohr


@pytest.fixture
def basis():
    heavy = [Shell(l, (8.0 / (l + 1), 2.1, 0.4), (0.3, -0.5, 0.9)) for l in range(6)] + [Shell(1, (0.7,), (1.0,))]
    light = [Shell(2, (1.2,), (1.0,)), Shell(0, (3.0, 0.5), (0.2, 0.8)), Shell(0, (0.3,), (1.0,))]
    return AuxiliaryBasis({"O": tuple(heavy), "H": tuple(light)}, "test")


@pytest.fixture
def mol(basis):
    return gto.M(atom=list(zip(SYMBOLS, POSITIONS, strict=True)), unit="B", basis=basis.to_pyscf(), verbose=0)


def test_functions_are_pyscfs_in_e3nn_order(basis, mol):
    points = np.random.default_rng(0).normal(size=(50, 3)) * 2
    pyscf_values = mol.eval_gto("GTOval_sph", points)
    ours = basis.evaluate(SYMBOLS, POSITIONS, points)
    transform = basis.from_pyscf_order(SYMBOLS)
    np.testing.assert_allclose(ours, pyscf_values @ transform.T.toarray(), atol=1e-12)
    np.testing.assert_allclose((transform @ transform.T).toarray(), np.eye(ours.shape[1]), atol=1e-12)


@pytest.mark.parametrize(("integral", "method"), [("int1e_ovlp_sph", "overlap"), ("int2c2e_sph", "coulomb")])
def test_on_site_metrics(basis, mol, integral, method):
    transform = basis.from_pyscf_order(SYMBOLS)
    full = transform @ mol.intor(integral) @ transform.T
    start = 0
    for l, mul in basis.multiplicities("O").items():
        stop = start + mul * (2 * l + 1)
        block = full[start:stop, start:stop].reshape(mul, 2 * l + 1, mul, 2 * l + 1)
        for m in range(2 * l + 1):
            np.testing.assert_allclose(block[:, m, :, m], getattr(basis, method)("O", l), rtol=1e-10)
        start = stop


def test_moments(basis, mol):
    transform = basis.from_pyscf_order(SYMBOLS)
    unit = gto.M(atom="H 0 0 0", unit="B", basis={"H": [[0, [1e-12, 1.0]]]}, spin=1, verbose=0)
    flat = 1 / unit.eval_gto("GTOval_sph", np.zeros((1, 3)))[0, 0]  # a Gaussian so wide that it is constant

    def integral(name, components):
        values = gto.intor_cross(name, mol, unit) if components else gto.intor_cross("int1e_ovlp", mol, unit)
        return values.reshape(max(components, 1), -1) * flat @ transform.T

    charges, about_origin = integral("", 0)[0], integral("int1e_r", 3).T
    np.testing.assert_allclose(basis.charges(SYMBOLS), charges, atol=1e-7)
    centres = np.repeat(POSITIONS, np.diff(basis.offsets(SYMBOLS)), axis=0)
    np.testing.assert_allclose(basis.dipoles(SYMBOLS) + charges[:, None] * centres, about_origin, atol=1e-6)
    second = basis.second_moments(SYMBOLS)
    dipoles = basis.dipoles(SYMBOLS)
    shifted = (
        second
        + np.einsum("ni,nj->nij", dipoles, centres)
        + np.einsum("ni,nj->nij", centres, dipoles)
        + np.einsum("n,ni,nj->nij", charges, centres, centres)
    )
    np.testing.assert_allclose(shifted, integral("int1e_rr", 9).T.reshape(-1, 3, 3), atol=1e-5)


def test_layout(basis):
    assert basis.irreps("H") == "2x0e+1x2e"
    assert basis.multiplicities("O") == {0: 1, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1}
    assert basis.size("H") == 7
    assert basis.offsets(SYMBOLS).tolist() == [0, 39, 46, 53]


def test_file_round_trip(basis, tmp_path):
    basis.save(tmp_path / "basis.json")
    again = AuxiliaryBasis.load(tmp_path / "basis.json")
    assert again == basis
    (tmp_path / "basis.json").write_text("{")
    with pytest.raises(DataError, match=r"basis\.json"):
        AuxiliaryBasis.load(tmp_path / "basis.json")


def test_missing_element_is_named(basis):
    with pytest.raises(DataError, match="S"):
        basis.size("S")
