"""The trunk of PhiSNet: its shape, what it starts from, second derivatives. Its symmetries are tests of physics."""

import pytest
import torch
from pydantic import ValidationError
from tests import toys

from densnet.config import DensityNetworkSettings
from densnet.models.density import DensityNetwork, spec_of
from densnet.models.graph import build_graph
from densnet.models.layers import geometry
from densnet.models.phisnet import PhiSNet, Residual, SphericalLinear, Swish
from densnet.models.spherical import Harmonics


def network(irreps, layers):
    return DensityNetworkSettings(trunk="phisnet", irreps=irreps, layers=layers, cutoff=3.0, radial=5)


def packed(max_l, channels=4, atoms=5):
    torch.manual_seed(0)
    return torch.randn((max_l + 1) ** 2, atoms, channels)


@pytest.mark.parametrize(
    ("irreps", "layers", "equivariant", "expected"),
    [
        ("4x0e+4x1o+4x2e+4x3o+4x4e+4x5o", 3, False, [(0, 1), (1, 3), (3, 5)]),  # the paper's density network
        ("4x0e+4x1o+4x2e+4x3o", 3, True, [(3, 3)] * 3),  # the paper's energy network
        ("4x0e+4x1o+4x2e", 1, False, [(0, 2)]),
        ("4x0e", 2, False, [(0, 0), (0, 0)]),
    ],
)
def test_angular_momenta_rise_from_scalars(irreps, layers, equivariant, expected):
    trunk = PhiSNet(network(irreps, layers), 2, equivariant)
    assert [(layer.features_l, layer.max_l) for layer in trunk.layers] == expected


def test_every_module_gives_features():
    graph = build_graph([(["H"] * 5, 2 * torch.rand(5, 3).numpy())], ["H"], 3.0)
    trunk = PhiSNet(network("4x0e+4x1o+4x2e", 2), 1, equivariant_input=False)
    found = trunk(packed(2), graph, geometry(graph, Harmonics(2)))
    assert found.shape == (9, 5, 8)
    assert found[4:, :, :4].abs().max() == 0  # the first module ends at l = 1
    assert (found[4:, :, 4:].abs().amax((0, 1)) > 1e-3).all()


def test_residual_blocks_start_as_nothing():
    features = packed(3)
    block = Residual(4, 3)
    assert torch.equal(block(features), features)
    with torch.no_grad():
        block.change[3].linear.weight.normal_()
    assert (block(features) - features).abs().max() > 0.1


def test_only_scalars_are_activated_and_biased():
    features = packed(2)
    found = Swish(4)(features)
    torch.testing.assert_close(found[0], features[0] * torch.sigmoid(1.702 * features[0]))
    assert torch.equal(found[1:], features[1:])
    linear = SphericalLinear(4, 2)
    before = linear(features)
    with torch.no_grad():
        linear.bias += torch.arange(4.0)
    after = linear(features)
    torch.testing.assert_close(after[0] - before[0], torch.arange(4.0).expand(5, 4), atol=1e-5, rtol=0)
    assert torch.equal(after[1:], before[1:])


def test_second_derivatives():
    torch.manual_seed(1)
    density = DensityNetwork(spec_of(toys.basis()), network("3x0e+3x1o+3x2e", 2)).double()
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    graph = build_graph([(list("OHH"), torch.rand(3, 3).numpy() * 1.5)], density.elements, 3.0)
    probe = torch.randn(density.layout.total(graph), dtype=torch.float64)
    positions = graph.positions.requires_grad_(True)
    assert torch.autograd.gradgradcheck(lambda moved: probe @ density(graph.moved(moved)), positions)


def test_channels_must_be_as_many_for_every_l():
    with pytest.raises(ValidationError, match="irreps: trunk phisnet has as many channels of every l"):
        network("8x0e+4x1o", 2)
