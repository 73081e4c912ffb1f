r"""Functions on the sphere: harmonics, exact products and the packed feature layout of the networks.

Every feature of the networks has natural parity :math:`(-1)^l`, like the coefficients of the density. A set of
channels with all l up to L is then a set of functions on the sphere. They are stored *packed*, as one tensor of shape
``(M, atoms, channels)`` with :math:`M = (L + 1)^2` components in e3nn's order: a linear map of every l is one batched
matrix product, and a tensor product is a pointwise product of the functions on quadrature points (the Gaunt tensor
product, Luo, Chen and Krishnapriyan, ICLR 2024), which is two matrix products and no Clebsch-Gordan loop.

Constants are kept in float64 and cast where they are used, so that networks compute in the precision of their weights.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import torch
from scipy.integrate import lebedev_rule
from torch import Tensor

from densnet.errors import ConfigError
from densnet.harmonics import coupling, spherical_harmonics

TERM = re.compile(r"(?:(\d+)x)?(\d+)([eo])")


def parse_irreps(irreps: str) -> list[int]:
    """Return the multiplicity of every l from 0 to L; raise `ConfigError` for features these networks cannot hold."""
    terms = [TERM.fullmatch(term.strip()) for term in irreps.split("+")]
    if None in terms:
        raise ConfigError(f"irreps {irreps!r}: write them like '32x0e+16x1o+8x2e'")
    parsed = [(int(term[1] or 1), int(term[2]), term[3]) for term in terms]
    multiplicities = [0] * (1 + max(l for _, l, _ in parsed))
    for multiplicity, l, parity in parsed:
        if parity != "eo"[l % 2]:
            raise ConfigError(f"irreps {irreps!r}: features have the parity (-1)^l of the density; {l}{'eo'[l % 2]}")
        multiplicities[l] += multiplicity
    if 0 in multiplicities:
        raise ConfigError(f"irreps {irreps!r}: every l from 0 to the highest needs at least one channel")
    return multiplicities


def momenta(max_l: int) -> Tensor:
    """Return the l of each packed component, shape (M,)."""
    return torch.repeat_interleave(torch.arange(max_l + 1), 2 * torch.arange(max_l + 1) + 1)


@cache
def clebsch_gordan(l1: int, l2: int, l3: int) -> Tensor:
    """Return the Clebsch-Gordan coefficients C of real harmonics, (2 l1 + 1, 2 l2 + 1, 2 l3 + 1), float64.

    The product ``sum_ij C_ijk x_i y_j`` has unit variance where x and y have.
    """
    from e3nn import o3  # slow to import, and the default trunk needs none of it

    return o3.wigner_3j(l1, l2, l3, dtype=torch.float64) * np.sqrt(2 * l3 + 1)


def paths(first_l: int, second_l: int, max_l: int) -> list[tuple[int, int, int]]:
    """Return every (l1, l2, l3), up to the l given, for which l1 and l2 have a product of l3 with natural parity.

    That product has the parity (-1)^(l1 + l2). Where l1 + l2 + l3 is odd, as in a cross product, it differs from
    (-1)^l3: such a pseudotensor cannot be added to features, or give coefficients, that have natural parity.
    """
    return [
        (l1, l2, l3)
        for l1 in range(first_l + 1)
        for l2 in range(second_l + 1)
        for l3 in range(abs(l1 - l2), min(l1 + l2, max_l) + 1, 2)
    ]


class Harmonics(torch.nn.Module):
    """Real spherical harmonics by recursion; a dozen matrix products, so that higher derivatives stay cheap.

    Parameters
    ----------
    max_l
        Highest angular momentum.
    """

    def __init__(self, max_l: int) -> None:
        super().__init__()
        self.max_l = max_l
        for l in range(2, max_l + 1):
            self.register_buffer(f"coupling_{l}", torch.as_tensor(coupling(l)), persistent=False)

    def forward(self, unit: Tensor) -> Tensor:
        """Return the harmonics of unit vectors (..., 3) in e3nn's order and ``component`` norm, shape (..., M)."""
        first = unit * np.sqrt(3)
        shells = [torch.ones_like(unit[..., :1]), first]
        for l in range(2, self.max_l + 1):
            pairs = (shells[-1].unsqueeze(-1) * first.unsqueeze(-2)).flatten(-2)
            shells.append(pairs @ getattr(self, f"coupling_{l}").to(unit.dtype))
        return torch.cat(shells[: self.max_l + 1], -1)


def quadrature(max_l: int, order: int, out_l: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the matrices that take packed components to points on the sphere and back.

    Parameters
    ----------
    max_l
        Highest angular momentum of the features.
    order
        Number of factors of the products formed on the points.
    out_l
        Highest angular momentum of what is taken back, ``max_l`` if not given. Up to it, products are exact.

    Returns
    -------
    to_points, from_points
        (points, M) and (M, points), float64. A normally distributed feature has values of order one on the points.
    """
    out_l = max_l if out_l is None else out_l
    degree = max(3, order * max_l + out_l)
    points, weights = lebedev_rule(next(d for d in _LEBEDEV_DEGREES if d >= degree))
    shells = [spherical_harmonics(l, points.T) for l in range(max_l + 1)]
    harmonics, size = np.sqrt(4 * np.pi) * np.concatenate(shells, axis=1), max_l + 1
    projection = harmonics[:, : (out_l + 1) ** 2].T * (weights / (4 * np.pi)) * size
    return torch.as_tensor(harmonics / size), torch.as_tensor(projection)


_LEBEDEV_DEGREES = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 35, 41)
