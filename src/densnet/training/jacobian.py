"""Coefficients of a frozen density network and their derivatives, once for each training frame.

With the density network frozen, forces are ``-(dE/dR at fixed c + (dc/dR)^T dE/dc)``. Knowing c and dc/dR, a training
step differentiates twice through the energy network alone, and the result is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from densnet.models.density import DensityNetwork
from densnet.models.graph import Graph

CHUNK = 16
"""Directions differentiated at once; bounds the memory."""


def coefficients_and_jacobian(network: DensityNetwork, graph: Graph) -> tuple[Tensor, Tensor]:
    """Return the coefficients of one frame (functions,) and their derivatives (functions, 3 atoms) in float32.

    Forward-mode derivatives: a structure has far fewer coordinates than coefficients.
    """

    def of(positions: Tensor) -> Tensor:
        return network(graph.moved(positions))

    def along(direction: Tensor) -> Tensor:
        return torch.func.jvp(of, (graph.positions,), (direction,))[1]

    network.layout.present(graph)  # kept in the graph, where nothing of the transformations below belongs
    directions = torch.eye(graph.positions.numel(), dtype=graph.positions.dtype, device=graph.positions.device)
    with torch.no_grad():
        columns = torch.func.vmap(along, chunk_size=CHUNK)(directions.view(-1, *graph.positions.shape))
        return of(graph.positions), columns.T.float().contiguous()
