"""Tensor products of PhiSNet: of an atom's features with each other, and with the directions of its neighbours.

Unke et al., SE(3)-equivariant prediction of molecular wavefunctions and electronic densities, NeurIPS 2021
(arXiv:2106.02347). Features are packed as `densnet.models.spherical` describes.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from densnet.models.graph import Graph
from densnet.models.spherical import clebsch_gordan, momenta, paths

SCALE = 0.7
"""Of the initial radial functions. The functions of the radial basis are small (they sum to one, and fall off), and
eight neighbours or so add up: with 0.7 the features of all modules start at order one, with 2.0 those of a third one at
10^6."""


def components(l: int) -> range:
    """Return the places of the components of an l in packed features."""
    return range(l * l, (l + 1) ** 2)


class SelfMix(nn.Module):
    r"""Products between the l of an atom's features, added to these.

    :math:`y^{l_3} = k_{l_3} \circ x^{l_3} + \sum_{l_1 < l_2} k_{l_1 l_2 l_3} \circ (x^{l_1} \otimes_{l_3} x^{l_2})`
    with one coefficient k for each channel.

    Parameters
    ----------
    channels
        Of the features; they do not mix.
    max_l
        Highest angular momentum of the features and of their products.
    """

    def __init__(self, channels: int, max_l: int) -> None:
        super().__init__()
        chosen = [path for path in paths(max_l, max_l, max_l) if path[0] < path[1]]
        terms = Counter([*range(max_l + 1), *(l3 for _, _, l3 in chosen)])
        self.keep = nn.Parameter(_uniform([terms[l] for l in range(max_l + 1)], channels))
        self.weight = nn.Parameter(_uniform([terms[l3] for _, _, l3 in chosen], channels))
        self.register_buffer("momenta", momenta(max_l), persistent=False)
        ls = itertools.combinations(range(max_l + 1), 2)
        pairs = [pair for l1, l2 in ls for pair in itertools.product(components(l1), components(l2))]
        rows = [(path, m3) for path, (_, _, l3) in enumerate(chosen) for m3 in range(2 * l3 + 1)]
        self.register_buffer("coupling", _self_coupling(chosen, pairs), persistent=False)
        self.register_buffer("pairs", _index(pairs).view(-1, 2).T.clone(), persistent=False)
        self.register_buffer("path", _index([path for path, _ in rows]), persistent=False)
        self.register_buffer("place", _index([chosen[path][2] ** 2 + m3 for path, m3 in rows]), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return (M, atoms, channels) from features of the same shape."""
        kept = features * self.keep.index_select(0, self.momenta).unsqueeze(1)
        if not len(self.place):
            return kept
        first, second = (features.index_select(0, index) for index in self.pairs)
        coupled = self.coupling.to(features.dtype) @ (first * second).flatten(1)
        coupled = coupled.unflatten(1, features.shape[1:]) * self.weight.index_select(0, self.path).unsqueeze(1)
        return kept.index_add(0, self.place, coupled)


class PairMix(nn.Module):
    r"""Products of the neighbours' features with the harmonics of their directions, summed over the neighbours.

    :math:`v_i^{l_3} = \sum_j \sum_{l_1 l_2} k_{l_1 l_2 l_3}(r_{ij}) \circ (x_j^{l_1} \otimes_{l_3} Y^{l_2}_{ij})`, with
    one radial function k, linear in the radial basis, for each channel. The paper adds the product of the neighbour's
    scalars with the harmonics once more; it is the path :math:`l_1 = 0` of this sum.

    Features times radial functions are formed for each neighbour; a matrix of harmonics then takes them to products
    and sums the neighbours at once, so that no product of a single neighbour is ever stored.

    Parameters
    ----------
    channels
        Of the features; they do not mix.
    radial
        Number of radial basis functions; they must vanish at the cutoff.
    features_l
        Highest angular momentum of the neighbours' features.
    max_l
        Highest angular momentum of the harmonics and of the result.
    """

    def __init__(self, channels: int, radial: int, features_l: int, max_l: int) -> None:
        super().__init__()
        self.max_l = max_l
        chosen = paths(features_l, max_l, max_l)
        terms = Counter(l3 for _, _, l3 in chosen)
        scale = torch.tensor([SCALE / math.sqrt(terms[l3]) for _, _, l3 in chosen])
        self.weight = nn.Parameter(torch.randn(radial, len(chosen), channels) * scale[:, None])
        for l in range(max_l + 1):
            own = [(path, l1, l2) for path, (l1, l2, l3) in enumerate(chosen) if l3 == l]
            self.register_buffer(f"coupling_{l}", _pair_coupling(own, l, max_l), persistent=False)
            self.register_buffer(f"path_{l}", _index([p for p, l1, _ in own for _ in components(l1)]), persistent=False)
            self.register_buffer(
                f"place_{l}", _index([m for _, l1, _ in own for m in components(l1)]), persistent=False
            )

    def forward(self, features: Tensor, graph: Graph, harmonics: Tensor, basis: Tensor) -> Tensor:
        """Return the sums over neighbours (M, atoms, channels).

        Parameters
        ----------
        features
            (features M, atoms, channels).
        graph
            Structures.
        harmonics
            (atoms, J, M or more), of the directions of the neighbours.
        basis
            (atoms, J, radial), of their distances.
        """
        near = features.transpose(0, 1).index_select(0, graph.neighbours.flatten())
        near = near.unflatten(0, graph.neighbours.shape)
        radial = (basis @ self.weight.flatten(1)).unflatten(-1, self.weight.shape[1:])
        harmonics = harmonics[..., : (self.max_l + 1) ** 2]
        sums = []
        for l in range(self.max_l + 1):
            coupling = getattr(self, f"coupling_{l}").to(features.dtype)
            turn = (harmonics @ coupling.flatten(1)).unflatten(-1, coupling.shape[1:])
            place, path = getattr(self, f"place_{l}"), getattr(self, f"path_{l}")
            weighed = near.index_select(2, place) * radial.index_select(2, path)
            sums.append(turn.transpose(1, 2).flatten(2) @ weighed.flatten(1, 2))
        return torch.cat(sums, 1).transpose(0, 1)


def _self_coupling(chosen: list[tuple[int, int, int]], pairs: list[tuple[int, int]]) -> Tensor:
    """Return the matrix from products of two components to the components of each path one after another."""
    column = {pair: index for index, pair in enumerate(pairs)}
    blocks = [torch.zeros(0, len(pairs), dtype=torch.float64)]
    for l1, l2, l3 in chosen:
        block = torch.zeros(2 * l3 + 1, len(pairs), dtype=torch.float64)
        columns = [column[pair] for pair in itertools.product(components(l1), components(l2))]
        block[:, columns] = clebsch_gordan(l1, l2, l3).flatten(0, 1).T
        blocks.append(block)
    return torch.cat(blocks)


def _pair_coupling(own: list[tuple[int, int, int]], l: int, max_l: int) -> Tensor:
    """Return what harmonics (M) make of the paths (number, l1, l2) to an l: (M, 2 l + 1, sum of 2 l1 + 1)."""
    blocks = []
    for _, l1, l2 in own:
        block = torch.zeros((max_l + 1) ** 2, 2 * l + 1, 2 * l1 + 1, dtype=torch.float64)
        block[list(components(l2))] = clebsch_gordan(l1, l2, l).permute(1, 2, 0)
        blocks.append(block)
    return torch.cat(blocks, -1)


def _index(values: Sequence[int] | Sequence[tuple[int, int]]) -> Tensor:
    return torch.tensor(values, dtype=torch.long)


def _uniform(terms: list[int], channels: int) -> Tensor:
    """Return random coefficients (len(terms), channels); those of one l add up to unit variance over its terms."""
    bounds = torch.tensor([math.sqrt(3 / number) for number in terms])
    return (2 * torch.rand(len(terms), channels) - 1) * bounds[:, None]
