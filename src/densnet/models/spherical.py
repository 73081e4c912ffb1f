r"""Functions on the sphere: harmonics, exact products and the packed feature layout of the networks.

Every feature of the networks has natural parity :math:`(-1)^l`, like the coefficients of the density. A set of
channels with all l up to L is then a set of functions on the sphere. They are stored *packed*, as one tensor of shape
``(M, atoms, channels)`` with :math:`M = (L + 1)^2` components in e3nn's order: a linear map of every l is one batched
matrix product, and a tensor product is a pointwise product of the functions on quadrature points (the Gaunt tensor
product, Luo, Chen and Krishnapriyan, ICLR 2024), which is two matrix products and no Clebsch-Gordan loop.

Constants are kept in float64 and cast where they are used, so that networks compute in the precision of their weights.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from e3nn import o3
from scipy.integrate import lebedev_rule
from torch import Tensor

from densnet.errors import ConfigError


def parse_irreps(irreps: str) -> list[int]:
    """Return the multiplicity of every l from 0 to L; raise `ConfigError` for features these networks cannot hold."""
    try:
        parsed = o3.Irreps(irreps)
    except (ValueError, AssertionError):
        raise ConfigError(f"irreps {irreps!r}: write them like '32x0e+16x1o+8x2e'") from None
    multiplicities = [0] * (parsed.lmax + 1) if len(parsed) else []
    for multiplicity, (l, parity) in parsed:
        if parity != (-1) ** l:
            raise ConfigError(f"irreps {irreps!r}: features have the parity (-1)^l of the density; {l}{'eo'[l % 2]}")
        multiplicities[l] += multiplicity
    if not multiplicities or 0 in multiplicities:
        raise ConfigError(f"irreps {irreps!r}: every l from 0 to the highest needs at least one channel")
    return multiplicities


def momenta(max_l: int) -> Tensor:
    """Return the l of each packed component, shape (M,)."""
    return torch.repeat_interleave(torch.arange(max_l + 1), 2 * torch.arange(max_l + 1) + 1)


@cache
def _coupling(l: int) -> Tensor:
    """Return C with ``Y_l = C (Y_{l-1} x Y_1)``, component normalisation, shape ((2 l - 1) * 3, 2 l + 1)."""
    coupling = o3.wigner_3j(l - 1, 1, l, dtype=torch.float64)
    axis = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)  # e3nn's polar axis: only the middle component is left
    lower, first = (o3.spherical_harmonics(k, axis, True, normalization="component") for k in (l - 1, 1))
    length = torch.einsum("i,j,ijk->k", lower, first, coupling)[l]
    return (coupling * np.sqrt(2 * l + 1) / length).reshape(-1, 2 * l + 1)


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
            self.register_buffer(f"coupling_{l}", _coupling(l), persistent=False)

    def forward(self, unit: Tensor) -> Tensor:
        """Return the harmonics of unit vectors (..., 3) in e3nn's order and ``component`` norm, shape (..., M)."""
        first = unit * np.sqrt(3)
        shells = [torch.ones_like(unit[..., :1]), first]
        for l in range(2, self.max_l + 1):
            pairs = (shells[-1].unsqueeze(-1) * first.unsqueeze(-2)).flatten(-2)
            shells.append(pairs @ getattr(self, f"coupling_{l}").to(unit.dtype))
        return torch.cat(shells[: self.max_l + 1], -1)


def quadrature(max_l: int, order: int) -> tuple[Tensor, Tensor]:
    """Return the matrices that take packed components to points on the sphere and back.

    Parameters
    ----------
    max_l
        Highest angular momentum of the features.
    order
        Number of factors of the products formed on the points. Projecting their product on ``max_l`` is exact.

    Returns
    -------
    to_points, from_points
        (points, M) and (M, points), float64. A normally distributed feature has values of order one on the points.
    """
    degree = max(3, (order + 1) * max_l)
    points, weights = lebedev_rule(next(d for d in _LEBEDEV_DEGREES if d >= degree))
    normals = torch.as_tensor(points.T.copy())
    harmonics = o3.spherical_harmonics(list(range(max_l + 1)), normals, False, normalization="component")
    size = np.sqrt(harmonics.shape[1])
    projection = harmonics.T * torch.as_tensor(weights / (4 * np.pi)) * size
    return harmonics / size, projection


_LEBEDEV_DEGREES = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 35, 41)
