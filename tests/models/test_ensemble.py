"""Means and deviations over models against those of the models one by one."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from tests import toys

from densnet.basis import AuxiliaryBasis
from densnet.errors import ModelError
from densnet.models.densnet import DenSNet
from densnet.models.ensemble import Ensemble, load_models


@pytest.fixture
def models():
    return [toys.model(seed, trunk) for seed, trunk in ((1, "gaunt"), (2, "gaunt"), (3, "phisnet"))]


@pytest.fixture
def frames():
    made = [molecule("CH3OH"), molecule("H2O")]
    return [(atoms.get_chemical_symbols(), atoms.positions) for atoms in made]


def test_means_and_deviations(models, frames):
    ensemble = Ensemble(models)
    found = ensemble.properties(ensemble.graph(frames))
    single = [model.properties(model.graph(frames)) for model in models]
    for name in ("energy", "forces", "dipole", "coefficients"):
        each = np.array([one[name].numpy() for one in single], float)
        np.testing.assert_allclose(found[name], each.mean(0), rtol=1e-5, atol=1e-6)
        if name != "coefficients":
            assert np.std(each, axis=0).max() > 1e-3
            np.testing.assert_allclose(found[f"{name}_std"], np.std(each, axis=0, ddof=1), rtol=1e-3, atol=1e-5)
    assert torch.equal(found["members"][1], single[1]["coefficients"])


def test_derivatives_are_means(models, frames):
    ensemble, one = Ensemble(models), frames[1:]
    graph = ensemble.graph(one)
    hessians = [model.hessian(model.graph(one)) for model in models]
    derivatives = [model.dipole_derivatives(model.graph(one)) for model in models]
    torch.testing.assert_close(ensemble.hessian(graph), sum(hessians) / 3, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(ensemble.dipole_derivatives(graph), sum(derivatives) / 3, atol=1e-5, rtol=1e-4)


def test_refusals(models):
    with pytest.raises(ModelError, match=r"an ensemble of 1 model\(s\)"):
        Ensemble(models[:1])
    shells = toys.basis().shells
    fewer = AuxiliaryBasis({**shells, "H": shells["H"][:1]}, "toy")
    small = toys.SMALL["gaunt"]
    stranger = DenSNet.create(fewer, toys.free_atoms(), small, toys.energy(small))
    with pytest.raises(ModelError, match=r"model 3 of the ensemble has another auxiliary basis"):
        Ensemble([*models[:2], stranger])
    reordered = AuxiliaryBasis({symbol: shells[symbol] for symbol in reversed(shells)}, toys.basis().name)
    with pytest.raises(ModelError, match=r"model 2 of the ensemble has another auxiliary basis, elements in another"):
        Ensemble([models[0], DenSNet.create(reordered, toys.free_atoms(), small, toys.energy(small))])
    with pytest.raises(ModelError, match=r"flexible bases has no common coefficients: .* grid_training\.flexible"):
        Ensemble([models[0], toys.model(4, "flexible")])
    with pytest.raises(ModelError, match=r"models 1 and 4 of the ensemble have the same weights"):
        Ensemble([*models, toys.model(1)])


def test_files(models, tmp_path):
    for number, model in enumerate(models):
        model.save(tmp_path / f"{number}.pt")
    paths = [tmp_path / f"{number}.pt" for number in range(3)]
    assert isinstance(load_models(paths[:1]), DenSNet)
    assert len(load_models(paths).models) == 3
