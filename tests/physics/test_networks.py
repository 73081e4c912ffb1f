"""What physics demands of both networks and of whole models, whatever their weights."""

import numpy as np
import pytest
import torch
from tests import toys
from tests.physics.invariants import ChargeInvariants, NeighbourInvariants
from tests.physics.packed import coefficients, flat, scalars, vectors
from tests.physics.samples import ELEMENTS, batch, random

from densnet import observables
from densnet.models.density import build_density, spec_of
from densnet.models.densnet import DenSNet
from densnet.models.energy import EnergyNetwork
from densnet.models.ensemble import Ensemble, load_models
from densnet.models.phisnet import PhiSNet

BASIS = toys.basis()


def packed(layout, graph, values, logarithms):
    """Return packed coefficients, and the logarithms of multipliers as the scalars they are."""
    stretched = (
        {"logarithms": scalars(coefficients(logarithms, layout, graph).transpose(0, 1))} if len(logarithms) else {}
    )
    return {"coefficients": coefficients(values, layout, graph)} | stretched


def electrons(graph, values, logarithms):
    """Return the electrons (atoms,) that atoms gain by coefficients."""
    symbols = [ELEMENTS[species] for species in graph.species]
    basis, names = BASIS.stretched(symbols, logarithms.numpy())
    return torch.as_tensor(np.add.reduceat(basis.charges(names) * values.numpy(), BASIS.offsets(symbols)[:-1]))


class TestDensityNetwork(NeighbourInvariants, ChargeInvariants):
    flexible = False

    def make(self):
        network = build_density(BASIS, toys.SMALL["gaunt"], self.flexible)
        toys.normalise(network)
        return network

    def apply(self, module, graph, features):
        return packed(module.layout, graph, *module.expand(graph))

    def electrons(self, module, graph, features):
        return electrons(graph, *module.expand(graph))


class TestFlexibleDensityNetwork(TestDensityNetwork):
    flexible = True


class TestEnergyNetwork(NeighbourInvariants):
    """It is given the coefficients as features."""

    inputs, of_frames = (2, 3), ("energy",)

    def make(self):
        network = EnergyNetwork(spec_of(BASIS), toys.energy(toys.SMALL["gaunt"]))
        toys.normalise(network)
        return network

    def apply(self, module, graph, features):
        return {"energy": scalars(module(graph, flat(features, module.layout, graph).double()))}


class Model(NeighbourInvariants, ChargeInvariants):
    """Both networks together; results are those of ``properties``."""

    of_frames = ("energy", "dipole")

    def members(self, module):
        return [module]

    def packed(self, model, graph, results):
        energy = results["energy"] - graph.sum_frames(model.free_energy[graph.species])  # which would hide the rest
        found = {"energy": scalars(energy), "dipole": vectors(results["dipole"])}
        found |= {"forces": vectors(results["forces"])} if "forces" in results else {}
        return found | packed(model.density.layout, graph, results["coefficients"], results["logarithms"])

    def reloaded(self, module, path):
        module.save(path)
        return DenSNet.load(path)

    def apply(self, module, graph, features):
        return self.packed(self.members(module)[0], graph, module.properties(graph))

    def differentiable(self, module, graph, features):
        each = [self.packed(model, graph, model(graph)) for model in self.members(module)]
        return {name: sum(one[name] for one in each) / len(each) for name in each[0]}

    def for_dynamics(self, module, graph, features):
        return self.apply(module, graph, features)

    def electrons(self, module, graph, features):
        results = module.properties(graph)
        return electrons(graph, results["coefficients"], results["logarithms"])

    def test_derivatives_are_those_of_finite_differences(self, module, step=1e-5):
        one, way = self.sample(), random(6, 3, seed=2)
        (graph, _), (moved, _) = batch([one]), batch([one.moved(sign * step * way) for sign in (1, -1)])
        found, ends, way = module.properties(graph), module.properties(moved), way.flatten()
        slopes = {
            "energy": -found["forces"].flatten() @ way,
            "dipole": way @ module.dipole_derivatives(graph),
            "forces": -module.hessian(graph) @ way,
        }
        for name, slope in slopes.items():
            plus, minus = ends[name].view(2, -1)
            assert slope.abs().max() > 1e-2
            assert ((plus - minus) / (2 * step) - slope).abs().max() < 1e-6 * slope.abs().max(), name


class TestDenSNet(Model):
    @pytest.fixture(scope="class", params=toys.KINDS)
    @classmethod
    def single(cls, request):
        model = toys.model(1, request.param)
        toys.normalise(model.density, model.energy)
        return model

    def test_traced_equals_eager(self, module):
        if isinstance(module.density.trunk, PhiSNet):
            pytest.skip("not compiled")
        super().test_traced_equals_eager(module)

    def test_the_dipole_is_that_of_the_density(self, module):
        for name in ("CH3OH", "H2O"):
            one = self.sample(name)
            results = module.properties(batch([one])[0])
            basis, atoms = BASIS.stretched(one.symbols, results["logarithms"].numpy())
            expected = observables.dipole(basis, atoms, one.positions.numpy(), results["coefficients"].numpy())
            np.testing.assert_allclose(results["dipole"][0], expected, rtol=0, atol=1e-10)

    def test_the_energy_depends_on_the_density(self, module):
        graph, _ = batch([self.sample()])
        values = module.density(graph)
        doubled, without = module.energy(graph, 2 * values), module.energy(graph, torch.zeros_like(values))
        assert abs(float(doubled - without)) > 1e-4


class TestEnergiesOfTheGeometryAlone(Model):
    @pytest.fixture(scope="class")
    @classmethod
    def single(cls):
        model = toys.model(1, density=False)
        toys.normalise(model.density, model.energy)
        return model

    def test_the_energy_does_not_depend_on_the_density(self, module):
        graph, _ = batch([self.sample()])
        values = module.density(graph)
        assert module.energy(graph, 2 * values) == module.energy(graph, values) != 0


class TestEnsemble(Model):
    @pytest.fixture(scope="class")
    @classmethod
    def single(cls):
        models = [toys.model(seed) for seed in (1, 2)]
        for model in models:
            toys.normalise(model.density, model.energy)
        return Ensemble(models)

    def members(self, module):
        return list(module.models)

    def reloaded(self, module, path):
        paths = [path.with_stem(str(number)) for number, _ in enumerate(module.models)]
        for model, own in zip(module.models, paths, strict=True):
            model.save(own)
        return load_models(paths)
