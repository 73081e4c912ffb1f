"""Charges of atoms that are neutral together, because what one atom gains another one loses."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from densnet.models.graph import Graph


class ChargeFlow(nn.Module):
    r"""Electrons that each atom takes from its neighbours.

    :math:`Q_i = \sum_j \sum_k R_k(r_{ij}) (u_{ik} v_{jk} - v_{ik} u_{jk})` changes sign when i and j are exchanged, so
    the charges of a molecule sum to zero, of any fragment out of reach of the others too.

    Parameters
    ----------
    features
        Number of invariant features of an atom.
    radial
        Number of radial functions; they must vanish at the cutoff.
    channels
        Terms of the sum over k.
    """

    def __init__(self, features: int, radial: int, channels: int = 16) -> None:
        super().__init__()
        self.radial = nn.Linear(radial, channels, bias=False)
        self.giver = nn.Linear(features, channels)
        self.taker = nn.Linear(features, channels, bias=False)
        nn.init.normal_(self.radial.weight, std=2.0 / math.sqrt(channels))
        nn.init.zeros_(self.taker.weight)  # training starts with neutral atoms

    def forward(self, scalars: Tensor, basis: Tensor, graph: Graph) -> Tensor:
        """Return the electrons gained by each atom, (atoms,), from features (atoms, F) and basis (atoms, J, R)."""
        giver, taker = self.giver(scalars), self.taker(scalars)
        pairs = torch.cat([giver, taker], -1).index_select(0, graph.neighbours.flatten())
        pairs = pairs.view(*graph.neighbours.shape, -1)
        givers, takers = (self.radial(basis).repeat(1, 1, 2) * pairs).sum(1).chunk(2, -1)
        return (giver * takers - taker * givers).sum(-1)
