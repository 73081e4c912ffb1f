"""The trunk of PhiSNet: interaction modules of residual blocks, SelfMix and PairMix.

Unke et al., SE(3)-equivariant prediction of molecular wavefunctions and electronic densities, NeurIPS 2021
(arXiv:2106.02347), as DenSNet's paper (arXiv:2604.24563) uses it: one residual block wherever there may be several,
128 channels, and 1, 3 and 5 as the highest l of the three modules of the density network.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from densnet.config import Network
from densnet.models.graph import Graph
from densnet.models.layers import Geometry, ShellLinear, embedded
from densnet.models.mixing import PairMix, SelfMix
from densnet.models.radial import ExponentialBernstein
from densnet.models.spherical import parse_irreps


def with_l_up_to(features: Tensor, max_l: int) -> Tensor:
    """Return packed features (M, atoms, channels) with zeros for the components they lack up to an l."""
    return nn.functional.pad(features, (0, 0, 0, 0, 0, (max_l + 1) ** 2 - len(features)))


class SphericalLinear(nn.Module):
    """SelfMix, then a linear map of the channels of each l, with a bias for scalars."""

    def __init__(self, channels: int, max_l: int, gain: float = 1.0) -> None:
        super().__init__()
        self.mix = SelfMix(channels, max_l)
        self.linear = ShellLinear(channels, channels, max_l, gain)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Return (M, atoms, channels) from features of the same shape."""
        mapped = self.linear(self.mix(features))
        return torch.cat([mapped[:1] + self.bias, mapped[1:]])


class Swish(nn.Module):
    """The activation ``a x / (1 + exp(-b x))`` of scalars, with a and b of each channel; other features stay.

    It starts with a = 1 and b = 1.702, close to the Gaussian error linear unit.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.steepness = nn.Parameter(torch.full((channels,), 1.702))

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape (M, atoms, channels)."""
        scalars = features[:1]
        return torch.cat([self.scale * scalars * torch.sigmoid(self.steepness * scalars), features[1:]])


class Residual(nn.Module):
    """Features plus two activations and spherical linear maps of them; the second map starts at zero."""

    def __init__(self, channels: int, max_l: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            Swish(channels),
            SphericalLinear(channels, max_l),
            Swish(channels),
            SphericalLinear(channels, max_l, gain=0.0),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape (M, atoms, channels)."""
        return features + self.change(features)


def refinement(channels: int, max_l: int) -> nn.Sequential:
    """Return a residual block, an activation and a spherical linear map."""
    return nn.Sequential(Residual(channels, max_l), Swish(channels), SphericalLinear(channels, max_l))


class InteractionModule(nn.Module):
    r"""One module: an atom and its neighbours, refined apart, are added up, refined and added to the features.

    :math:`x' = R(x)`, :math:`v_i = S_1(x'_i) + \sum_j \mathrm{PairMix}(S_2(x'_j), r_{ij})`,
    :math:`x'' = R(x' + S_3(v))` with residual blocks R and refinements S. The result is R(x''); x'' goes on to the next
    module.

    Parameters
    ----------
    channels
        Of every l.
    radial
        Number of radial basis functions.
    features_l, max_l
        Highest angular momentum of the features that come in, and of those that go out.
    """

    def __init__(self, channels: int, radial: int, features_l: int, max_l: int) -> None:
        super().__init__()
        self.features_l, self.max_l = features_l, max_l
        self.before = Residual(channels, features_l)
        self.own = refinement(channels, features_l)
        self.near = refinement(channels, features_l)
        self.pair = PairMix(channels, radial, features_l, max_l)
        self.both = refinement(channels, max_l)
        self.after = Residual(channels, max_l)
        self.result = Residual(channels, max_l)

    def forward(self, features: Tensor, graph: Graph, harmonics: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Return x'' and the result, both (M, atoms, channels)."""
        features = self.before(features[: (self.features_l + 1) ** 2])
        messages = self.pair(self.near(features), graph, harmonics, basis)
        change = self.both(with_l_up_to(self.own(features), self.max_l) + messages)
        features = self.after(with_l_up_to(features, self.max_l) + change)
        return features, self.result(features)


class PhiSNet(nn.Module):
    """PhiSNet's trunk; see `densnet.models.layers.Trunk` for the interface, which is the same.

    Where only scalars come in, the highest l of the modules rises evenly from 1 to that of the irreps; where all l come
    in, every module has them all.

    Parameters
    ----------
    network
        Size; the irreps have as many channels of every l.
    elements
        Number of elements; they differ in the features given to `forward`, nowhere else.
    equivariant_input
        Whether `forward` is given features of the atoms, or of the elements: scalars.
    scalar_output
        Return the scalars alone.
    """

    def __init__(self, network: Network, elements: int, equivariant_input: bool, scalar_output: bool = False) -> None:
        super().__init__()
        multiplicities = parse_irreps(network.irreps)
        self.max_l, self.channels = len(multiplicities) - 1, max(multiplicities)
        self.basis = ExponentialBernstein(network.radial, network.cutoff)
        self.components = 1 if scalar_output else (self.max_l + 1) ** 2
        rising = np.linspace(self.max_l, min(1, self.max_l), network.layers)[::-1].round().astype(int).tolist()
        highest = [self.max_l] * (network.layers + 1) if equivariant_input else [0, *rising]
        self.layers = nn.ModuleList(
            InteractionModule(self.channels, network.radial, below, above)
            for below, above in itertools.pairwise(highest)
        )

    def forward(self, features: Tensor, graph: Graph, geometry: Geometry) -> Tensor:
        """Return the results of every module; shapes are those of `Trunk.forward`."""
        basis, collected = self.basis(geometry.distances), []
        features = features if features.ndim == 3 else embedded(features, graph, 0)
        for layer in self.layers:
            features, result = layer(features, graph, geometry.harmonics, basis)
            collected.append(with_l_up_to(result, self.max_l))
        return torch.cat(collected, -1)[: self.components]
