"""How far test frames are from training frames."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from scipy.spatial.transform import Rotation

from densnet.reference.overlap import overlap, rmsd


def test_rmsd_knows_turned_mirrored_and_permuted_copies():
    rng = np.random.default_rng(0)
    atoms = molecule("CH3CH2OH")
    symbols, positions = list(atoms.symbols), atoms.positions + rng.normal(size=(9, 3)) * 0.1
    hydrogens = [i for i, s in enumerate(symbols) if s == "H"]
    order = np.arange(9)
    order[hydrogens] = rng.permutation(hydrogens)
    copy = positions[order] @ Rotation.random(rng=1).as_matrix() * [1, 1, -1] + 3.0
    assert rmsd(positions, copy, symbols) < 1e-6
    shifted = positions.copy()
    shifted[0, 0] += 0.3
    assert 0.02 < rmsd(positions, shifted, symbols) < 0.3 / 3 + 1e-9


def test_overlap_is_the_median_of_the_smallest():
    symbols = ["He"] * 4
    rng = np.random.default_rng(0)
    base = Atoms("He4", rng.normal(size=(4, 3)) * 3).positions
    train = np.array([base, base * 1.5])
    test = np.array([base, base, base * 1.1])
    assert overlap(train, test, symbols) < 1e-6
    spread = np.sqrt(((base - base.mean(axis=0)) ** 2).sum() / 4)
    assert overlap(train, test[2:], symbols) == pytest.approx(0.1 * spread, rel=1e-6)
