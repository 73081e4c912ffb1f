"""The choice between the kinds of trunk, by the setting ``trunk`` of a network."""

from __future__ import annotations

from densnet.config import Network
from densnet.models.layers import Trunk
from densnet.models.phisnet import PhiSNet


def build_trunk(
    network: Network, elements: int, equivariant_input: bool, scalar_output: bool = False
) -> Trunk | PhiSNet:
    """Return an untrained trunk; parameters are those of `Trunk`."""
    kinds = {"gaunt": Trunk, "phisnet": PhiSNet}
    return kinds[network.trunk](network, elements, equivariant_input, scalar_output)
