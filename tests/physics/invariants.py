"""What physics demands of a layer, a network or a model, whatever its weights: tests to inherit."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from tests.physics.packed import TURNS, highest_l, turned, vectors
from tests.physics.samples import CUTOFF, Sample, batch, random, sample
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from densnet.models.graph import Graph

Outputs = dict[str, Tensor]
"""Name to packed features (M, owners, channels) of atoms or of frames."""


def close(found: Outputs, expected: Outputs, tolerance: float = 1e-10) -> None:
    """Equal, relative to the size of what is compared; which must not be nothing, even of the highest l."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert values[highest_l(values) ** 2 :].abs().max() > 1e-3, f"{name}: nothing to compare"
        error, size = (found[name] - values).abs().max(), values.abs().max()
        assert error <= tolerance * size, f"{name}: {error:.1e} of {size:.1e}"


@cache
def weights(components: int, owners: int, channels: int) -> Tensor:
    return random(components, owners, channels, seed=11)


class Invariants:
    """Tests of whatever maps atoms to something of each atom, or of each frame.

    A test class says what to `make` and how to `apply` it. All that comes out is packed, (M, owners, channels), so that
    the tests know how it turns; a scalar has M = 1.

    Attributes
    ----------
    inputs
        Highest l and channels of the features that every atom is given.
    of_frames
        Names of the outputs of frames; the others are of atoms.
    """

    inputs: tuple[int, int] = (2, 4)
    of_frames: tuple[str, ...] = ()

    def make(self) -> nn.Module:
        """Return the module, with random weights."""
        raise NotImplementedError

    def apply(self, module: nn.Module, graph: Graph, features: Tensor) -> Outputs:
        """Return all that comes out; features are (M, atoms, channels)."""
        raise NotImplementedError

    def differentiable(self, module: nn.Module, graph: Graph, features: Tensor) -> Outputs:
        """Return outputs that can be differentiated by positions and features."""
        return self.apply(module, graph, features)

    def for_dynamics(self, module: nn.Module, graph: Graph, features: Tensor) -> Outputs:
        """Return what is compiled: outputs and derivatives of them."""
        outputs, gradients = self.pulled(module, graph, features)
        return outputs | {"gradients": torch.cat([gradient.flatten() for gradient in gradients])[None, None]}

    def reloaded(self, module: nn.Module, path: Path) -> nn.Module:
        """Return a module, in single precision, that was written to a file and read again."""
        torch.save(module.state_dict(), path)
        again = self.make().requires_grad_(False)
        again.load_state_dict(torch.load(path, weights_only=True))
        return again

    @pytest.fixture(scope="class")
    @classmethod
    def single(cls) -> nn.Module:
        """The module in single precision."""
        torch.manual_seed(1)
        module = cls().make().requires_grad_(False)
        for parameter in module.parameters():
            if not parameter.any():  # as before training
                parameter.normal_(0.0, 0.3)
        return module.eval()

    @pytest.fixture(scope="class")
    @classmethod
    def module(cls, single) -> nn.Module:
        """The module in double precision, where equal means equal."""
        return copy.deepcopy(single).double()

    def sample(self, name: str = "CH3OH", seed: int = 1) -> Sample:
        return sample(name, *self.inputs, seed)

    def outputs(self, module: nn.Module, *samples: Sample, dtype: torch.dtype = torch.float64) -> Outputs:
        return self.apply(module, *batch(samples, dtype))

    def combined(self, graph: Graph, outputs: Outputs) -> Tensor:
        """Return a random combination of the outputs of each frame, (n_frames,)."""
        total, sizes = graph.positions.new_zeros(graph.n_frames), torch.bincount(graph.frame).tolist()
        place = torch.cat([torch.arange(atoms) for atoms in sizes])
        for name, values in outputs.items():
            if name in self.of_frames:
                total = total + (weights(len(values), 1, values.shape[2]) * values).sum((0, 2))
            else:
                own = weights(len(values), max(sizes), values.shape[2])[:, place]
                total = total + graph.sum_frames((own * values).sum((0, 2)))
        return total

    def pulled(
        self, module: nn.Module, graph: Graph, features: Tensor, frames: slice = slice(None)
    ) -> tuple[Outputs, Sequence[Tensor]]:
        """Return outputs, and the gradients of them, `combined`, of some frames by all positions and all features."""
        inputs = graph.positions.detach().requires_grad_(True), features.detach().requires_grad_(True)
        graph = graph.moved(inputs[0])
        outputs = self.differentiable(module, graph, inputs[1])
        gradients = torch.autograd.grad(self.combined(graph, outputs)[frames].sum(), inputs, materialize_grads=True)
        return {name: values.detach() for name, values in outputs.items()}, gradients

    @pytest.mark.parametrize("turn", TURNS)
    def test_turning_the_molecule_turns_the_answer(self, module, turn):
        one = self.sample()
        before, after = self.outputs(module, one), self.outputs(module, one.turned(turn))
        close(after, {name: turned(values, turn) for name, values in before.items()})

    def test_the_order_of_atoms_does_not_matter(self, module):
        one, order = self.sample(), torch.tensor([3, 0, 5, 2, 4, 1])
        before, after = self.outputs(module, one), self.outputs(module, one.ordered(order))
        close(after, {n: values if n in self.of_frames else values[:, order] for n, values in before.items()})

    def test_a_batch_is_its_frames(self, module):
        samples = [self.sample(name, seed) for seed, name in enumerate(("CH3OH", "H2O", "CH4", "H2O"))]
        each = [self.outputs(module, one) for one in samples]
        close(self.outputs(module, *samples), {name: torch.cat([one[name] for one in each], 1) for name in each[0]})

    def test_frames_do_not_push_each_other(self, module):
        _, (positions, features) = self.pulled(module, *batch([self.sample(), self.sample("H2O")]), slice(1))
        assert max(positions[:6].abs().max(), features[:, :6].abs().max()) > 1e-3
        assert not positions[6:].any()
        assert not features[:, 6:].any()

    def test_derivatives_are_those_of_finite_differences(self, module, step=1e-5):
        one, ways = self.sample(), (random(6, 3, seed=2), self.sample(seed=3).features)
        _, gradients = self.pulled(module, *batch([one]))
        slope = sum(float((gradient * way).sum()) for gradient, way in zip(gradients, ways, strict=True))
        graph, features = batch([one.moved(*(sign * step * way for way in ways)) for sign in (1, -1)])
        plus, minus = self.combined(graph, self.differentiable(module, graph, features))
        assert abs(slope) > 1e-2
        assert float(plus - minus) / (2 * step) == pytest.approx(slope, rel=1e-6)

    def test_traced_equals_eager(self, module):
        """What is traced for the compiler at one geometry holds at another, where the neighbours are others."""
        here, way = self.sample(), 0.1 * random(6, 3, seed=4)
        way[5] += 4.0
        (graph, features), (other, _) = batch([here]), batch([here.moved(way)])
        graph, other = graph.padded(8), other.padded(8)
        assert 0 < other.present.sum() < graph.present.sum()

        def function(positions: Tensor, neighbours: Tensor, present: Tensor) -> Outputs:
            moved = replace(graph, positions=positions, neighbours=neighbours, present=present)
            return self.for_dynamics(module, moved, features)

        function(graph.positions, graph.neighbours, graph.present)  # keeps what follows from the species
        traced = make_fx(function)(graph.positions, graph.neighbours, graph.present)
        found = traced(other.positions, other.neighbours, other.present)
        close(found, self.for_dynamics(module, other, features))

    def test_comes_back_from_a_file(self, single, tmp_path):
        again = self.reloaded(single, tmp_path / "module.pt")
        before, after = (self.outputs(one, self.sample(), dtype=torch.float32) for one in (single, again))
        close(after, before, 0.0)

    def test_single_and_double_precision_agree(self, single, module):
        less, more = self.outputs(single, self.sample(), dtype=torch.float32), self.outputs(module, self.sample())
        close(less, more, 1e-5)
        assert any((less[name] != values).any() for name, values in more.items())


class NeighbourInvariants(Invariants):
    """Tests of whatever looks at the neighbours of atoms as well.

    Attributes
    ----------
    reach
        Angstrom, where a hydrogen atom gets out of sight of a carbon atom.
    """

    reach = CUTOFF

    def across_the_cutoff(self, module: nn.Module) -> tuple[Tensor, Tensor]:
        """Return offsets (n,) from the cutoff, and outputs and gradients (n, numbers) of CH and a leaving H.

        Its distance to the other hydrogen atom is beyond the cutoff all the time: one pair of neighbours comes and
        goes.
        """
        offsets, features = torch.arange(-25, 26).double() / 50, self.sample("H2O").features
        places = [
            torch.tensor([[0.0, 0, 0], [-1.1, 0, 0], [x, 0, 0]]).double() for x in (self.reach + offsets).tolist()
        ]
        graph, features = batch([Sample(list("CHH"), place, features) for place in places])
        outputs, (gradient, _) = self.pulled(module, graph, features)
        each = [values.unflatten(1, (len(offsets), -1)) for values in (*outputs.values(), vectors(gradient))]
        return offsets, torch.cat([values.transpose(0, 1).flatten(1) for values in each], 1)

    def test_translation_changes_nothing(self, single):
        one, way = self.sample(), torch.tensor([100.0, -50.0, 30.0])
        before, after = (self.outputs(single, any, dtype=torch.float32) for any in (one, one.moved(way)))
        close(after, before, 1e-6)  # positions are subtracted before they are rounded

    def test_nothing_jumps_at_the_cutoff(self, module):
        offsets, values = self.across_the_cutoff(module)
        last, size = values[-1], values.abs().max()
        assert (values[0] - last).abs().max() > 1e-3 * size  # inside, the neighbour contributes
        assert (values[offsets > -0.03] - last).abs().max() < 1e-9 * size
        assert (values[offsets >= 0] - last).abs().max() < 1e-11 * size  # rounding
        changes = [values[::every].diff(dim=0).abs().max() for every in (1, 2)]
        assert changes[0] < 0.6 * changes[1]  # in proportion to the step

    def test_far_molecules_are_independent(self, module):
        one, other = self.sample(), self.sample("H2O")
        first, second = self.outputs(module, one), self.outputs(module, other)
        joined = {
            n: first[n] + second[n] if n in self.of_frames else torch.cat([first[n], second[n]], 1) for n in first
        }
        close(self.outputs(module, one.beside(other, 60.0)), joined)


class ChargeInvariants:
    """A test of whatever says how many electrons the atoms of a molecule gain."""

    rounding = 1e-12

    def electrons(self, module: nn.Module, graph: Graph, features: Tensor) -> Tensor:
        """Return the electrons of each atom, (atoms,)."""
        raise NotImplementedError

    def test_no_net_charge(self, single):
        one, other = self.sample(), self.sample("H2O")
        graph, features = batch([one, other, one.beside(other, 60.0)], torch.float32)
        electrons = self.electrons(single, graph, features).double()
        assert electrons.abs().max() > 1e-3
        assert graph.sum_frames(electrons).abs().max() < self.rounding
