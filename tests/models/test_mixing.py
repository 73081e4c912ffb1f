"""PhiSNet's products against loops over paths, and over neighbours, with e3nn's symbols."""

import pytest
import torch
from e3nn import o3

from densnet.models.graph import build_graph
from densnet.models.layers import geometry
from densnet.models.mixing import PairMix, SelfMix
from densnet.models.radial import ExponentialBernstein
from densnet.models.spherical import Harmonics, clebsch_gordan, paths

CHANNELS, ATOMS, RADIAL, CUTOFF = 3, 6, 5, 2.5


def shell(l):
    return slice(l * l, (l + 1) ** 2)


def product(x, y, path):
    """The product of packed (M, channels) by one path, (2 l3 + 1, channels); unit variance in, unit variance out."""
    l1, l2, l3 = path
    symbol = o3.wigner_3j(l1, l2, l3, dtype=torch.float64).to(x.dtype) * (2 * l3 + 1) ** 0.5
    return torch.einsum("ijk,ic,jc->kc", symbol, x[shell(l1)], y[shell(l2)])


@pytest.mark.parametrize("max_l", [0, 1, 2, 4])
def test_self_mix_is_a_sum_over_paths(max_l):
    torch.manual_seed(0)
    mix, features = SelfMix(CHANNELS, max_l), torch.randn((max_l + 1) ** 2, ATOMS, CHANNELS)
    chosen = [path for path in paths(max_l, max_l, max_l) if path[0] < path[1]]
    expected = torch.zeros_like(features)
    for atom in range(ATOMS):
        for l in range(max_l + 1):
            expected[shell(l), atom] += mix.keep[l] * features[shell(l), atom]
        for weight, path in zip(mix.weight, chosen, strict=True):
            expected[shell(path[2]), atom] += weight * product(features[:, atom], features[:, atom], path)
    torch.testing.assert_close(mix(features), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("features_l", "max_l"), [(0, 2), (1, 3), (2, 2)])
def test_pair_mix_is_a_sum_over_neighbours_and_paths(features_l, max_l):
    torch.manual_seed(1)
    graph = build_graph([(["H"] * ATOMS, 3 * torch.rand(ATOMS, 3).numpy())], ["H"], CUTOFF)
    shared = geometry(graph, Harmonics(4), torch.float64)
    basis = ExponentialBernstein(RADIAL, CUTOFF).double()(shared.distances)
    mix = PairMix(CHANNELS, RADIAL, features_l, max_l).double()
    features = torch.randn((features_l + 1) ** 2, ATOMS, CHANNELS, dtype=torch.float64)
    expected = torch.zeros((max_l + 1) ** 2, ATOMS, CHANNELS, dtype=torch.float64)
    for i in range(ATOMS):
        for k in torch.nonzero(graph.present[i]).flatten().tolist():
            direction = shared.harmonics[i, k, :, None].expand(-1, CHANNELS)
            radial = torch.einsum("b,bpc->pc", basis[i, k], mix.weight)
            for weight, path in zip(radial, paths(features_l, max_l, max_l), strict=True):
                near = features[:, graph.neighbours[i, k]]
                expected[shell(path[2]), i] += weight * product(near, direction, path)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(mix(features, graph, shared.harmonics, basis), expected, atol=1e-5, rtol=1e-5)


def test_paths_are_the_products_of_natural_parity():
    every = {(a, b, c) for a in range(3) for b in range(4) for c in range(5) if abs(a - b) <= c <= a + b}
    assert set(paths(2, 3, 4)) == {path for path in every if sum(path) % 2 == 0}
    assert (1, 1, 1) in every  # the cross product, which turns as a vector but keeps its sign in a mirror


def test_products_keep_the_variance():
    torch.manual_seed(2)
    x, y = torch.randn(2, 20000, 5, dtype=torch.float64)
    found = torch.einsum("ijk,ni,nj->nk", clebsch_gordan(2, 2, 4), x, y)
    torch.testing.assert_close(found.var(0), torch.ones(9, dtype=torch.float64), atol=0.1, rtol=0)
