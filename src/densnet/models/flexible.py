r"""Flexible shells: every atom stretches the exponents of its functions as its surroundings ask for.

A shell whose exponents are all multiplied by :math:`\lambda` is :math:`\lambda^{3/4}\,\chi(\sqrt{\lambda}\,r)`: it
keeps its norm and its angular part, and its moment of order k becomes :math:`\lambda^{-3/4 - k/2}` of what it was. A
density in such shells is not bound to the error of the fit in the fixed ones. (The published model also scales the
functions; a factor before a coefficient that is predicted for the same atom and shell would be the same thing twice.)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from densnet.models.shells import Layout

RANGE = 0.5
"""Largest logarithm of a multiplier: exponents between 0.6 and 1.65 times those of the basis."""


class ExponentScaling(nn.Module):
    """Logarithms of the multipliers of exponents, zero until they are trained.

    Parameters
    ----------
    features
        Number of invariant features of an atom.
    layout
        Shells of each element.
    """

    def __init__(self, features: int, layout: Layout) -> None:
        super().__init__()
        self.heads = nn.ModuleList()
        for element, shells in enumerate(layout.spec.values()):
            count = torch.tensor([2 * l + 1 for l, mul in shells.items() for _ in range(mul)])
            head = nn.Linear(features, len(count))
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
            self.heads.append(head)
            self.register_buffer(
                f"shell_{element}", torch.arange(len(count)).repeat_interleave(count), persistent=False
            )

    def forward(self, scalars: Tensor, element: int) -> Tensor:
        """Return the logarithm for each function (n, size), float64, from features (n, F) of atoms of an element."""
        logarithms = RANGE * torch.tanh(self.heads[element](scalars))
        return logarithms.index_select(1, getattr(self, f"shell_{element}")).double()


def moment_scale(logarithms: Tensor, order: int) -> Tensor:
    """Return the factor of the moments of an order (0 charge, 1 dipole) of stretched functions."""
    return torch.exp(-(0.75 + 0.5 * order) * logarithms)
