"""Equivariant networks: geometry to density, density and geometry to energy."""

from densnet.models.density import DensityNetwork
from densnet.models.densnet import DenSNet
from densnet.models.energy import EnergyNetwork
from densnet.models.graph import Graph, build_graph

__all__ = ["DenSNet", "DensityNetwork", "EnergyNetwork", "Graph", "build_graph"]
