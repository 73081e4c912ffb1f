"""Symmetry: what it finds, what it leaves alone, and modes and Hessians that obey it."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from scipy.spatial.transform import Rotation

from densnet.rigid import vibrational_space
from densnet.spectra.harmonic import WAVENUMBER, normal_modes
from densnet.symmetry import irreducible, operations, oriented, symmetric, symmetrised_hessian


def turned(name):
    atoms = molecule(name)
    atoms.positions = atoms.positions @ Rotation.random(random_state=3).as_matrix() + [1.0, -2.0, 3.0]
    return atoms


@pytest.mark.parametrize(("name", "order"), [("H2O", 4), ("C2H4", 8), ("trans-butane", 4), ("H2O2", 2), ("CH3SH", 2)])
def test_order_of_the_group(name, order):
    atoms, turn = oriented(turned(name))
    assert len(operations(atoms.positions, atoms.get_masses(), 1e-3)) == order
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)
    np.testing.assert_allclose(atoms.get_all_distances(), turned(name).get_all_distances(), atol=1e-10)


def test_only_what_is_nearly_symmetric_becomes_symmetric():
    atoms = turned("C2H4")
    atoms.rattle(0.01, seed=1)
    same, group, turn = symmetric(atoms, 1e-3)
    assert len(group) == 1
    np.testing.assert_allclose(same.positions, (atoms.positions - atoms.get_center_of_mass()) @ turn, atol=1e-12)
    changed, group, _ = symmetric(atoms, 0.1)
    assert len(group) == 8
    assert np.abs(changed.positions - same.positions).max() < 0.05
    for operation in group:
        np.testing.assert_allclose(operation(changed.positions), changed.positions, atol=1e-12)


def test_isotopes_are_told_apart():
    atoms, _ = oriented(turned("H2O"))
    masses = atoms.get_masses()
    orders = [len(operations(atoms.positions, masses + np.arange(3) * extra, 1e-3)) for extra in (0, 1)]
    assert orders == [4, 2]


def test_representations_of_water_and_ethylene():
    for name, sizes in (("H2O", [1, 2]), ("C2H4", [1, 1, 1, 1, 2, 2, 2, 2])):
        atoms, group, _ = symmetric(turned(name), 1e-3)
        parts = irreducible(vibrational_space(atoms.positions, atoms.get_masses()), group)
        found = sorted(part.shape[1] for part in parts)
        assert sum(found) == 3 * len(atoms) - 6
        if name == "H2O":
            assert found == sizes
        together = np.concatenate(parts, axis=1)
        np.testing.assert_allclose(together.T @ together, np.eye(sum(found)), atol=1e-10)


def test_degenerate_modes_are_symmetric_or_antisymmetric():
    """Two far ends of a molecule vibrate alike and opposed, at the same wavenumber within rounding."""
    atoms, group, _ = symmetric(turned("trans-butane"), 1e-3)
    size = 3 * len(atoms)
    noise = np.random.default_rng(0).normal(size=(size, size)) * 1e-12
    modes = normal_modes(np.eye(size) + noise, np.zeros((size, 3)), atoms.positions, atoms.get_masses())
    for operation in group:
        overlaps = np.einsum("kai,kai->k", operation(modes.vectors), modes.vectors)
        np.testing.assert_allclose(np.abs(overlaps), 1, atol=1e-8)


def test_a_group_is_closed_and_grows_with_the_tolerance():
    for seed in range(20):
        atoms = turned("C2H4")
        atoms.rattle(0.01, seed=seed)
        still, _ = oriented(atoms)
        orders = [
            len(operations(still.positions, still.get_masses(), tolerance)) for tolerance in (0, 0.02, 0.04, 0.15)
        ]
        assert orders == sorted(orders)
        assert (orders[0], orders[-1]) == (1, 8)
        assert {*orders} <= {1, 2, 4, 8}


@pytest.mark.parametrize("noise", [0.0, 1e-8, 1e-7, 5e-7, 1e-5])
def test_molecules_that_are_linear_but_for_rounding_have_all_their_modes(noise):
    atoms = Atoms("HCCH", [[-1.66, 0, 0], [-0.6, 0, 0], [0.6, 0, 0], [1.66, 0, 0]])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        positions = atoms.positions + noise * rng.normal(size=(4, 3))
        root = rng.normal(size=(12, 12))
        modes = normal_modes(root @ root.T, np.zeros((12, 3)), positions, atoms.get_masses())
        vectors = modes.vectors.reshape(len(modes.vectors), -1)
        assert len(vectors) == vibrational_space(positions, atoms.get_masses()).shape[1]
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-6)


def test_atoms_in_one_place_have_the_identity_alone():
    assert [one.signs for one in operations(np.zeros((2, 3)), [1.0, 1.0], 0.02)] == [(1, 1, 1)]


def test_a_hessian_without_the_symmetry_keeps_its_modes():
    atoms, _, _ = symmetric(turned("C2H4"), 1e-3)
    root = np.random.default_rng(5).normal(size=(18, 18))
    space = vibrational_space(atoms.positions, atoms.get_masses())
    weights = np.sqrt(np.repeat(atoms.get_masses(), 3))
    hessian = (root @ root.T) * weights[:, None] * weights
    modes = normal_modes(hessian, np.zeros((18, 3)), atoms.positions, atoms.get_masses())
    expected = np.linalg.eigvalsh(space.T @ root @ root.T @ space)
    np.testing.assert_allclose((modes.frequencies / WAVENUMBER) ** 2, expected, rtol=1e-8)


def test_hessian_is_averaged_over_the_group():
    _, group, turn = symmetric(turned("H2O"), 1e-3)
    rng = np.random.default_rng(1)
    square = rng.normal(size=(9, 9))
    found = symmetrised_hessian(square + square.T, group)
    one, other = rng.normal(size=(2, 3, 3))
    for operation in group:
        moved = operation(one).ravel() @ found @ operation(other).ravel()
        assert moved == pytest.approx(one.ravel() @ found @ other.ravel())
    assert Rotation.from_matrix(turn).magnitude() > 0.1
