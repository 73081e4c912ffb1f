"""Polar tensors against dipoles of displaced atoms."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import Bohr

from densnet.config import Reference
from densnet.reference import method
from densnet.reference.convergence import converge
from densnet.reference.polar import polar_tensors

STEP = 0.01


def converged(atoms, reference):
    mf = method.mean_field(atoms, reference, conv_tol=1e-10)
    converge(mf)
    return mf


@pytest.mark.parametrize("shortcuts", [["grid", "coulomb"], []])
def test_are_differences_of_dipoles(shortcuts):
    reference = Reference(basis="def2-SVP", grid_level=1, dispersion="d4", shortcuts=shortcuts)
    water = molecule("H2O")
    water.rattle(0.1, seed=2)
    found = polar_tensors(converged(water, reference), reference)
    for atom, axis in ((0, 2), (1, 1)):
        ends = []
        for sign in (1, -1):
            moved = Atoms(water.symbols, water.positions)
            moved.positions[atom, axis] += sign * STEP
            ends.append(method.dipole(converged(moved, reference)) * Bohr)
        np.testing.assert_allclose(found[atom, axis], (ends[0] - ends[1]) / (2 * STEP), atol=2e-3)
    np.testing.assert_allclose(found.sum(0), 0, atol=1e-3)  # a neutral molecule that moves keeps its dipole
    assert np.abs(found).max() > 0.1
