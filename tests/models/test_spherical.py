"""Harmonics and products on the sphere against e3nn."""

import itertools

import pytest
import torch
from e3nn import o3
from scipy.integrate import lebedev_rule

from densnet.errors import ConfigError
from densnet.models.layers import ShellLinear, SphereProduct
from densnet.models.spherical import Harmonics, momenta, parse_irreps, quadrature

MAX_L, CHANNELS, ATOMS = 3, 2, 5


def packed(seed=0):
    """Packed features and the same for e3nn, one tensor (atoms, channels, 2 l + 1) for each l."""
    torch.manual_seed(seed)
    features = torch.randn((MAX_L + 1) ** 2, ATOMS, CHANNELS)
    return features, [features[l * l : (l + 1) ** 2].permute(1, 2, 0) for l in range(MAX_L + 1)]


def flat(shells):
    return torch.cat([shell.flatten(1) for shell in shells], 1)


def natural(channels):
    return o3.Irreps([(channels, (l, (-1) ** l)) for l in range(MAX_L + 1)])


def test_harmonics_are_those_of_e3nn():
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize(torch.randn(20, 3), dim=-1)
    expected = o3.spherical_harmonics(list(range(6)), unit, normalize=False, normalization="component")
    torch.testing.assert_close(Harmonics(5)(unit), expected, atol=1e-5, rtol=0)


def test_linear_is_that_of_e3nn():
    features, shells = packed()
    linear, theirs = ShellLinear(CHANNELS, 3, MAX_L), o3.Linear(natural(CHANNELS), natural(3))
    with torch.no_grad():
        scaled = linear.weight * CHANNELS**0.5  # e3nn divides by the square root of the inputs
        theirs.weight.copy_(scaled.flatten())
    ours = linear(features)
    expected = theirs(flat(shells))
    torch.testing.assert_close(
        flat([ours[l * l : (l + 1) ** 2].permute(1, 2, 0) for l in range(MAX_L + 1)]), expected, atol=1e-5, rtol=1e-5
    )


def gaunt(first, second):
    """The product of two functions on the sphere by e3nn's tensor product, with the Gaunt coefficient of each path."""
    irreps, total, triples = natural(CHANNELS), 0.0, range(MAX_L + 1)
    points, weights = quadrature_points()
    for a, b, c in itertools.product(triples, triples, triples):
        if not abs(a - b) <= c <= a + b or (a + b + c) % 2:
            continue
        values = [o3.spherical_harmonics(l, points, True, normalization="component") for l in (a, b, c)]
        symbol = o3.wigner_3j(a, b, c, dtype=torch.float64)
        # The integral of three harmonics is a multiple of the 3j symbol, which has norm one.
        factor = (torch.einsum("g,gi,gj,gk->ijk", weights, *values) * symbol).sum()
        path = [(a, b, c, "uuu", False, 1.0)]
        options = {"irrep_normalization": "none", "path_normalization": "none"}
        product = o3.TensorProduct(irreps, irreps, irreps, path, **options)
        total = total + float(factor) * product(flat(first), flat(second))
    return total


def quadrature_points():
    points, weights = lebedev_rule(17)
    return torch.as_tensor(points.T.copy()), torch.as_tensor(weights) / weights.sum()


def test_products_are_tensor_products():
    size = (MAX_L + 1) ** 2
    (f, f_shells), (g, g_shells), (h, _) = packed(1), packed(2), packed(3)
    ours = SphereProduct(MAX_L).double()(torch.cat([f, g, h], -1).double())
    double = ours[..., :CHANNELS]
    expected = gaunt(f_shells, g_shells) / size**0.5
    found = flat([double[l * l : (l + 1) ** 2].permute(1, 2, 0) for l in range(MAX_L + 1)])
    torch.testing.assert_close(found, expected.double(), atol=1e-5, rtol=1e-5)


def test_triple_products_rotate():
    torch.manual_seed(4)
    features = torch.randn((MAX_L + 1) ** 2, ATOMS, 3)
    rotation = -o3.rand_matrix()
    matrix = natural(1).D_from_matrix(rotation)
    product = SphereProduct(MAX_L)
    turned = product(torch.einsum("ij,jak->iak", matrix, features))
    torch.testing.assert_close(turned, torch.einsum("ij,jak->iak", matrix, product(features)), atol=1e-5, rtol=1e-4)


def test_quadrature_inverts_itself():
    to_points, from_points = quadrature(4, order=3)
    torch.testing.assert_close(from_points @ to_points, torch.eye(25, dtype=torch.float64), atol=1e-12, rtol=0)


def test_irreps_are_read():
    assert parse_irreps("8x0e+4x1o+2x2e") == [8, 4, 2]
    assert momenta(2).tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("irreps", ["8x0e+4x1e", "8x0e+2x2e", "8x1o", "", "many"])
def test_irreps_these_networks_cannot_hold_are_refused(irreps):
    with pytest.raises(ConfigError, match="irreps"):
        parse_irreps(irreps)
