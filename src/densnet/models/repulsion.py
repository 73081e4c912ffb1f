"""Screened nuclear repulsion: keeps atoms apart where there is no training data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ase.data import atomic_numbers, covalent_radii
from ase.units import Bohr, Hartree
from torch import Tensor, nn

from densnet.models.graph import Graph
from densnet.models.radial import envelope

REACH = 1.2
"""Range of the repulsion in units of the sum of covalent radii."""
SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
"""Weight and decay of each term of the universal screening function."""


class ScreenedRepulsion(nn.Module):
    r"""Universal repulsion of Ziegler, Biersack and Littmark (1985), cut off smoothly just beyond a bond length.

    :math:`\frac{Z_i Z_j}{r}\,\sum_k c_k e^{-d_k r / a}` with :math:`a = 0.4685\,\mathrm{Å} / (Z_i^{0.23} +
    Z_j^{0.23})`. It has no parameters; the network learns what is left.

    Parameters
    ----------
    elements
        Chemical symbols, in the model's order.
    """

    def __init__(self, elements: Sequence[str]) -> None:
        super().__init__()
        numbers = [atomic_numbers[symbol] for symbol in elements]
        charge = torch.tensor(numbers, dtype=torch.float64)
        radius = torch.tensor([covalent_radii[number] for number in numbers], dtype=torch.float64)
        self.register_buffer("charge", charge, persistent=False)
        self.register_buffer("inverse_length", charge**0.23 / 0.4685, persistent=False)
        self.register_buffer("radius", REACH * radius, persistent=False)
        terms = torch.tensor(SCREENING, dtype=torch.float64)
        self.register_buffer("weights", terms[:, 0].contiguous(), persistent=False)
        self.register_buffer("decays", terms[:, 1].contiguous(), persistent=False)

    def forward(self, graph: Graph, distances: Tensor) -> Tensor:
        """Return the repulsion of each atom (half of its pairs'), eV, from distances (atoms, J)."""
        own, other = graph.species, graph.species[graph.neighbours]
        constants = (self.charge, self.inverse_length, self.radius, self.weights, self.decays)
        charge, inverse_length, radius, weights, decays = (one.to(distances.dtype) for one in constants)
        reach = radius[own][:, None] + radius[other]
        scaled = distances * (inverse_length[own][:, None] + inverse_length[other])
        screening = torch.exp(-scaled.unsqueeze(-1) * decays) @ weights
        coulomb = Hartree * Bohr * charge[own][:, None] * charge[other] / distances
        return 0.5 * (coulomb * screening * envelope(distances / reach, 1.0)).sum(1)
