"""Everything that turns with a molecule as packed features (M, owners, channels), of atoms or of frames."""

from __future__ import annotations

import math
from functools import cache

import torch
from e3nn import o3
from scipy.spatial.transform import Rotation
from torch import Tensor

from densnet.models.graph import Graph
from densnet.models.shells import Layout

TURN = torch.as_tensor(Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix())
TURNS = {"rotation": TURN, "improper": -TURN, "mirror": torch.diag(torch.tensor([1.0, -1.0, 1.0]).double())}


def scalars(values: Tensor) -> Tensor:
    """Return packed numbers (owners, ...) that do not turn."""
    return values.reshape(1, len(values), -1)


def vectors(values: Tensor) -> Tensor:
    """Return packed vectors (owners, 3); their order is that of l = 1."""
    return torch.nn.functional.pad(values.T.unsqueeze(-1), (0, 0, 0, 0, 1, 0))


def coefficients(values: Tensor, layout: Layout, graph: Graph) -> Tensor:
    """Return packed coefficients (functions,), with zeros for the shells that an element lacks."""
    width = max(layout.width(element) for element in range(len(layout.spec)))
    packed = values.new_zeros((layout.max_l + 1) ** 2, len(graph.species), width)
    for element, atoms, index in layout.present(graph):
        shells = layout.pack(values[index], element, layout.max_l)
        packed = packed.index_copy(1, atoms, torch.nn.functional.pad(shells, (0, width - shells.shape[2])))
    return packed


def flat(packed: Tensor, layout: Layout, graph: Graph) -> Tensor:
    """Return coefficients (functions,) from packed ones."""
    values = packed.new_zeros(layout.total(graph))
    for element, atoms, index in layout.present(graph):
        own = layout.flatten(packed[:, atoms], element)
        values = values.index_copy(0, index.flatten(), own.flatten())
    return values


def highest_l(packed: Tensor) -> int:
    return math.isqrt(len(packed)) - 1


def turned(packed: Tensor, turn: str) -> Tensor:
    """Return what packed features are after one of the ``TURNS``."""
    return (representation(turn, highest_l(packed)) @ packed.flatten(1)).view_as(packed)


@cache
def representation(turn: str, max_l: int) -> Tensor:
    """Turn harmonics, not e3nn's Wigner matrices, whose Euler angles are not exact to double precision."""
    points, blocks = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)), []
    for l in range(max_l + 1):
        before, after = (o3.spherical_harmonics(l, one, normalize=True) for one in (points, points @ TURNS[turn].T))
        blocks.append(torch.linalg.lstsq(before, after).solution.T)
    return torch.block_diag(*blocks)
