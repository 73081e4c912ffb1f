"""Functions of the interatomic distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from densnet.models.spherical import momenta


def envelope(distances: Tensor, cutoff: float) -> Tensor:
    """Return a factor that falls from one to zero at the cutoff and has every derivative there (PhysNet, SpookyNet).

    Distances beyond the cutoff give exactly zero, also in derivatives.
    """
    squares = (distances / cutoff) ** 2
    inside = squares < 0.999
    squares = torch.where(inside, squares, torch.zeros_like(squares))
    return torch.where(inside, torch.exp(-squares / (1 - squares)), torch.zeros_like(squares))


class ExponentialBernstein(nn.Module):
    """Bernstein polynomials of exp(-gamma r) (Unke et al., Nat. Commun. 12, 7273 (2021)), times the envelope.

    Parameters
    ----------
    number
        Number of functions.
    cutoff
        Angstrom.
    decay
        Initial gamma, 1/Angstrom; it is learned.
    """

    def __init__(self, number: int, cutoff: float, decay: float = 0.6) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.decay = nn.Parameter(torch.tensor(math.log(math.expm1(decay))))
        binomials = [math.comb(number - 1, k) for k in range(number)]
        self.register_buffer("binomials", torch.tensor(binomials, dtype=torch.float64), persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """Return the functions at distances (...) in Angstrom, shape (..., number)."""
        exponent = -nn.functional.softplus(self.decay) * distances
        falling, rising = (_powers(base, len(self.binomials)) for base in (torch.exp(exponent), -torch.expm1(exponent)))
        end = envelope(distances, self.cutoff)
        values = torch.stack([down * up * end for down, up in zip(falling, reversed(rising), strict=True)], -1)
        return values * self.binomials.to(distances.dtype)


def _powers(base: Tensor, number: int) -> list[Tensor]:
    """Return the powers from zero on; as products they have derivatives at zero, where logarithms have none."""
    powers = [torch.ones_like(base)]
    for _ in range(number - 1):
        powers.append(powers[-1] * base)
    return powers


class Radial(nn.Module):
    """A perceptron on the radial basis: for each l, ``number`` learned radial functions that vanish at the cutoff.

    Parameters
    ----------
    number
        Functions of the basis and of the result for each l.
    hidden
        Width of the hidden layer; nothing has a bias, so that the result is zero where the basis is.
    max_l
        Highest angular momentum.
    """

    def __init__(self, number: int, hidden: int, max_l: int) -> None:
        super().__init__()
        self.inner = nn.Linear(number, hidden, bias=False)
        self.outer = nn.Parameter(torch.randn(max_l + 1, number, hidden) * 1.7 / math.sqrt(hidden))
        nn.init.normal_(self.inner.weight, std=2.0)  # Bernstein functions sum to one, so each is small
        self.register_buffer("momenta", momenta(max_l), persistent=False)

    def forward(self, basis: Tensor) -> Tensor:
        """Return (..., M, number), equal for the components of one l, from a basis (..., number)."""
        hidden = nn.functional.silu(self.inner(basis))
        # Repeating the weights of an l for its components is cheaper than repeating the values on every edge.
        weights = self.outer.index_select(0, self.momenta).flatten(0, 1)
        return (hidden @ weights.T).unflatten(-1, (len(self.momenta), -1))
