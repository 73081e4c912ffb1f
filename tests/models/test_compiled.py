"""The compiled model: the same numbers, at every geometry, and a way back where it cannot be compiled."""

import logging
import shutil

import numpy as np
import pytest
import torch
from ase.build import molecule
from tests import toys

from densnet.models import compiled
from densnet.models.compiled import CompiledModel
from densnet.models.ensemble import Ensemble


def frames(model, *scatters):
    atoms = molecule("H2O")
    rng = np.random.default_rng(3)
    moved = [atoms.positions + rng.normal(0, scatter, (3, 3)) for scatter in scatters]
    return model.graph([(atoms.get_chemical_symbols(), positions) for positions in moved])


@pytest.fixture
def no_compiler(monkeypatch):
    """What was traced runs as it is: compiling it takes a minute."""
    monkeypatch.setattr(torch, "compile", lambda traced, **_: traced)


def of_two_cutoffs():
    return toys.model(cutoff=1.6)


def two_models():
    return Ensemble([toys.model(0), toys.model(1)])


@pytest.mark.parametrize("kind", [toys.model, of_two_cutoffs, two_models])
def test_equals_the_model_wherever_the_atoms_go(no_compiler, kind):
    water = CompiledModel(kind())
    for scatter in (0.0, 0.1, 2.0):  # the last loses and gains neighbours
        graph = frames(water, scatter)
        expected, found = water.model.properties(graph), water.properties(graph)
        for name, values in expected.items():
            assert torch.allclose(found[name], values, atol=1e-5, rtol=1e-5), (scatter, name)
    (function,) = water.functions.values()  # compiled once
    assert function is not None
    chain = water.graph([(["C"] * 11, np.linspace(0, 3, 33).reshape(11, 3))])  # another composition, a larger width
    for graph in (chain, frames(water, 0.1)):
        assert torch.allclose(
            water.properties(graph)["forces"], water.model.properties(graph)["forces"], rtol=1e-4, atol=1e-4
        )
    assert [width for *_, width in water.functions] == [4, 12]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")
def test_compiled_equals_eager():
    water, largest = CompiledModel(of_two_cutoffs()), 0.0
    for scatter in (0.0, 0.1, 2.0):
        graph = frames(water, scatter)
        expected, found = water.model.properties(graph), water.properties(graph)
        for name, values in expected.items():
            torch.testing.assert_close(found[name], values, atol=1e-5, rtol=1e-5)
        largest = max(largest, float(expected["forces"].abs().max()))
    assert largest > 1e-3
    (function,) = water.functions.values()
    assert function is not None  # with None, these were the model's own


def test_what_cannot_be_compiled_runs_as_it_is(caplog):
    model = CompiledModel(toys.model(kind="phisnet"))
    with caplog.at_level(logging.WARNING):
        graph = frames(model, 0.0)
        found = model.properties(graph)
    assert "not compiled for 3 atoms" in caplog.text
    assert torch.equal(found["forces"], model.model.properties(graph)["forces"])


@pytest.mark.parametrize("kind", [toys.model, two_models])
def test_wrong_numbers_are_not_used(monkeypatch, caplog, kind):
    def wrong(model, graph):
        expected = model.properties(graph)
        return lambda *_: expected | {"forces": expected["forces"] + 1e-2}

    monkeypatch.setattr(compiled, "_compiled", wrong)
    model = CompiledModel(kind())
    graph = frames(model, 0.0, 0.1)
    found = model.properties(graph)
    assert "forces of 6 atoms are not those of the model" in caplog.text
    assert torch.equal(found["forces"], model.model.properties(graph)["forces"])
