"""Layers against slow references that loop over edges."""

import math

import numpy as np
import pytest
import torch
from ase.data import covalent_radii
from e3nn import o3

from densnet.config import Network
from densnet.models.graph import build_graph
from densnet.models.layers import Convolution, ElementConvolution, Trunk, embedded, geometry
from densnet.models.radial import ExponentialBernstein, envelope
from densnet.models.repulsion import REACH, ScreenedRepulsion
from densnet.models.spherical import Harmonics

CHANNELS, MAX_L, RADIAL = 4, 2, 5


def setting(seed=0, precision=torch.float32):
    torch.manual_seed(seed)
    graph = build_graph([(["H"] * 6, 3 * torch.rand(6, 3).numpy())], ["H"], 2.0)
    shared = geometry(graph, Harmonics(MAX_L), precision)
    return graph, shared, ExponentialBernstein(RADIAL, 2.0).to(precision)(shared.distances)


@pytest.mark.parametrize("carried_l", [MAX_L, 1])
def test_convolution_is_a_sum_over_edges(carried_l):
    graph, shared, basis = setting(precision=torch.float64)
    convolution = Convolution(CHANNELS, MAX_L, RADIAL, 8, carried_l).double()
    features = torch.randn((MAX_L + 1) ** 2, 6, CHANNELS, dtype=torch.float64)
    directed, carried = convolution.directed(basis), convolution.carried(basis)
    scalars = convolution.source(features[0])
    expected = torch.zeros_like(features)
    for i in range(6):
        for k in torch.nonzero(graph.present[i]).flatten().tolist():
            j = int(graph.neighbours[i, k])
            harmonics = o3.spherical_harmonics(
                list(range(MAX_L + 1)), graph.vectors()[i, k], normalize=True, normalization="component"
            )
            for l in range(MAX_L + 1):
                weights = convolution.mix_directed.weight[l].view(RADIAL, CHANNELS, CHANNELS)
                for m in range(l * l, (l + 1) ** 2):
                    message = torch.einsum("b,k,bkc->c", directed[i, k, m], scalars[j], weights)
                    expected[m, i] += message * harmonics[m]
                    if l <= carried_l:
                        transfer = convolution.mix_carried.weight[l].view(RADIAL, CHANNELS, CHANNELS)
                        expected[m, i] += torch.einsum("b,k,bkc->c", carried[i, k, 0], features[m, j], transfer)
    found = convolution(features, graph, shared.harmonics, basis)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_neighbours_of_an_element_are_one():
    graph = build_graph([(list("HOHHOH"), 3 * torch.rand(6, 3).numpy())], ["H", "C", "O"], 2.0)
    shared, embedding = geometry(graph, Harmonics(MAX_L), torch.float64), torch.randn(3, CHANNELS).double()
    basis = ExponentialBernstein(RADIAL, 2.0).double()(shared.distances)
    general = Convolution(CHANNELS, MAX_L, RADIAL, 8, MAX_L).double()
    special = ElementConvolution(CHANNELS, MAX_L, RADIAL, 8).double()
    special.load_state_dict(general.state_dict(), strict=False)
    torch.nn.init.zeros_(general.mix_carried.weight)
    expected = general(embedded(embedding, graph, MAX_L), graph, shared.harmonics, basis)
    torch.testing.assert_close(special(embedding, graph, shared.harmonics, basis), expected, atol=1e-5, rtol=1e-5)


def test_scalars_are_those_of_all_features():
    graph, shared, _ = setting(2)
    kinds = [
        Trunk(Network(irreps="4x0e+4x1o+4x2e", cutoff=2.0, radial=RADIAL), 1, True, alone) for alone in (True, False)
    ]
    kinds[0].load_state_dict(kinds[1].state_dict())
    features = torch.randn(9, 6, 4)
    scalars, everything = (trunk(features, graph, shared) for trunk in kinds)
    assert len(scalars) == 1
    torch.testing.assert_close(scalars, everything[:1], atol=1e-5, rtol=1e-4)


def test_trunk_rotates_and_keeps_to_its_irreps():
    graph, shared, _ = setting(1)
    trunk = Trunk(Network(irreps="4x0e+3x1o+1x2e", cutoff=2.0, radial=RADIAL), 1, equivariant_input=True)
    features = torch.randn(9, 6, 4)
    found = trunk(features, graph, shared)
    rotation = -o3.rand_matrix()
    matrix = o3.Irreps("0e+1o+2e").D_from_matrix(rotation)
    turned = graph.moved(graph.positions @ rotation.double().T)
    again = trunk(torch.einsum("ij,jak->iak", matrix, features), turned, geometry(turned, Harmonics(2)))
    torch.testing.assert_close(again, torch.einsum("ij,jak->iak", matrix, found), atol=1e-4, rtol=1e-4)
    last = found[..., 4:]
    assert last[4:, :, 1:].abs().max() == 0 and last[4:, :, 0].abs().max() > 0
    assert last[1:4, :, 3].abs().max() == 0 and last[1:4, :, :3].abs().max() > 0


def test_radial_functions_end_at_the_cutoff():
    basis = ExponentialBernstein(6, 3.0)
    values = basis(torch.tensor([0.0, 1.0, 2.999, 3.0, 50.0]))
    assert torch.isfinite(values).all()
    assert values[1].max() > 0.05
    assert values[2:].abs().max() < 1e-8
    distances = torch.tensor([1.0, 2.9], dtype=torch.float64, requires_grad=True)
    expected = [math.exp(-(r**2) / (9 - r**2)) for r in (1.0, 2.9)]
    torch.testing.assert_close(envelope(distances, 3.0), torch.tensor(expected, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda r: envelope(r, 3.0), distances)


def test_repulsion_is_zbl_inside_and_nothing_outside():
    repulsion = ScreenedRepulsion(["H", "C"])
    reach = REACH * (covalent_radii[1] + covalent_radii[6])

    def energy(distance):
        graph = build_graph([(["C", "H"], np.array([[0, 0, 0], [distance, 0, 0]]))], ["H", "C"], 5.0)
        return float(repulsion(graph, geometry(graph, Harmonics(1)).distances).sum())

    scaled = 0.5 * (6**0.23 + 1) / 0.4685
    weights, decays = (0.18175, 0.50986, 0.28022, 0.02817), (3.19980, 0.94229, 0.40290, 0.20162)
    screening = sum(w * math.exp(-d * scaled) for w, d in zip(weights, decays, strict=True))
    factor = math.exp(-(0.25 / reach**2) / (1 - 0.25 / reach**2))
    expected = 14.399645 * 6 / 0.5 * screening * factor
    assert abs(energy(0.5) - expected) < 1e-4 * expected
    assert energy(0.3) > energy(0.5) > energy(0.8) > energy(1.1) > 0
    assert energy(reach + 0.01) == 0
