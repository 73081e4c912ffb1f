"""Densities on points inside the networks: those of the observables, and differentiable."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from ase.units import Bohr
from tests import toys

from densnet.models.points import PointDensity
from densnet.observables import density_difference


@pytest.mark.parametrize("kind", ["gaunt", "flexible"])
def test_equals_the_density_of_the_observables(kind):
    model, atoms = toys.model(2, kind).double(), molecule("CH3OH")
    symbols, points = atoms.get_chemical_symbols(), np.random.default_rng(0).normal(0, 1.5, (60, 3))
    points[0] = atoms.positions[0]
    graph = model.graph([(symbols, atoms.positions)])
    expansion = model.density.expand(graph)
    found = PointDensity(model.density, model.basis, torch.float64)(graph, expansion, torch.as_tensor(points))
    assert (expansion.logarithms.abs() > 1e-3).any() == (kind == "flexible")
    basis, names = model.basis.stretched(symbols, expansion.logarithms.numpy())
    expected = density_difference(basis, names, atoms.positions, expansion.coefficients.numpy(), points) * Bohr**3
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6 * np.abs(expected).max())


def test_derivatives():
    model, atoms = toys.model(2, "flexible").double(), molecule("H2O")
    graph = model.graph([(atoms.get_chemical_symbols(), atoms.positions)])
    expansion = model.density.expand(graph)
    density, points = PointDensity(model.density, model.basis, torch.float64), torch.randn(5, 3, dtype=torch.float64)
    inputs = [values.detach().clone().requires_grad_(True) for values in expansion]

    def on_points(*values):
        return density(graph, type(expansion)(*values), points)

    assert torch.autograd.gradcheck(on_points, inputs)
