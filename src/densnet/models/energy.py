"""Density and geometry to energy."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from densnet.config import EnergyNetworkSettings
from densnet.models.graph import Graph
from densnet.models.layers import Geometry, ShellLinear, bounded, embedded, geometry
from densnet.models.repulsion import ScreenedRepulsion
from densnet.models.shells import Layout, Spec, Whitening
from densnet.models.spherical import Harmonics
from densnet.models.trunk import build_trunk


class EnergyNetwork(nn.Module):
    """Energy relative to free atoms from the coefficients of the density difference and the positions.

    ``E = sum_A (shift_Z + scale * network_A) + repulsion``; shifts (least squares over the training frames) and scale
    (root mean square force) are buffers, so that a saved network is complete.

    Parameters
    ----------
    spec
        Shells of each element in the auxiliary basis; its order is that of the elements.
    network
        Kind and size of the network. It uses the coefficients with l up to the highest l of its irreps, or none at all.
    """

    def __init__(self, spec: Spec, network: EnergyNetworkSettings) -> None:
        super().__init__()
        self.elements = list(spec)
        self.config = network
        self.layout = Layout(spec)
        self.whitening = Whitening(self.layout)
        self.trunk = build_trunk(network, len(spec), equivariant_input=network.density, scalar_output=True)
        self.harmonics = Harmonics(self.trunk.max_l)
        self.embedding = nn.Parameter(torch.randn(len(spec), self.trunk.channels))
        self.readers = nn.ModuleList(
            ShellLinear(self.layout.width(element), self.trunk.channels, self.trunk.max_l, gain=0.1)
            for element in range(len(spec) if network.density else 0)
        )
        width = self.trunk.channels * network.layers
        self.readout = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1, bias=False))
        nn.init.normal_(self.readout[2].weight, std=0.1 / width)
        self.offset = nn.Parameter(torch.zeros(len(spec)))
        self.repulsion = ScreenedRepulsion(self.elements)
        self.register_buffer("shift", torch.zeros(len(spec), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def forward(self, graph: Graph, coefficients: Tensor, shared: Geometry | None = None) -> Tensor:
        """Return the energy of each frame relative to its free atoms, eV, float64, shape (n_frames,).

        Parameters
        ----------
        graph
            Structures.
        coefficients
            Flat coefficients as `DensityNetwork` gives them.
        shared
            Geometry of the graph with harmonics up to this network's l or higher, where it is known already.
        """
        graph = graph.within(self.config.cutoff)
        shared = shared.within(graph) if shared else geometry(graph, self.harmonics, self.embedding.dtype)
        features = self._read(graph, coefficients) if self.config.density else self.embedding
        features = self.trunk(features, graph, shared)
        atomic = self.readout(features[0]).squeeze(-1) + self.offset[graph.species]
        atomic = atomic.double() * self.scale
        atomic = atomic + self.shift[graph.species] + self.repulsion(graph, shared.distances).double()
        return graph.sum_frames(atomic)

    def _read(self, graph: Graph, coefficients: Tensor) -> Tensor:
        """Return initial features (M, atoms, channels): the element, and the density around each atom."""
        features = embedded(self.embedding, graph, self.trunk.max_l)
        for element, atoms, index in self.layout.present(graph):
            whitened = self.whitening.whiten(coefficients[index], element, features.dtype)
            density = self.readers[element](self.layout.pack(whitened, element, self.trunk.max_l))
            features = features.index_add(1, atoms, bounded(density))
        return features
