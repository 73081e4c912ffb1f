"""Geometry to density: the network that predicts the coefficients of the density difference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from ase.units import Bohr
from torch import Tensor, nn

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityNetworkSettings
from densnet.errors import ConfigError
from densnet.models.charges import ChargeFlow
from densnet.models.flexible import ExponentScaling, moment_scale
from densnet.models.graph import Graph
from densnet.models.layers import Geometry, ShellLinear, geometry
from densnet.models.shells import Layout, Places, Spec, Whitening
from densnet.models.spherical import Harmonics
from densnet.models.store import settings
from densnet.models.trunk import build_trunk


class Expansion(NamedTuple):
    """A density difference: its coefficients (functions,), float64, and how far each function is stretched.

    ``logarithms`` (functions,) of the multipliers of the exponents; empty where the basis is not flexible.
    """

    coefficients: Tensor
    logarithms: Tensor


class DensityNetwork(nn.Module):
    """Coefficients of the density difference, with exactly no net charge.

    The output layer starts at zero, so an untrained network predicts no density difference: the density of free atoms.
    Training sets the whitening first and so starts from the mean coefficients of each element in the training set,
    non-zero for l = 0 alone. They are the part of the answer that does not depend on the geometry, and the network
    learns what is left, which has zero mean and unit variance.

    Parameters
    ----------
    spec
        Shells of each element in the auxiliary basis; its order is that of the elements.
    network
        Size of the network.
    flexible
        Let every atom stretch the exponents of its functions (see `make_flexible`).
    """

    def __init__(self, spec: Spec, network: DensityNetworkSettings, flexible: bool = False) -> None:
        super().__init__()
        self.elements = list(spec)
        self.config = network
        self.layout = Layout(spec)
        self.whitening = Whitening(self.layout)
        self.trunk = build_trunk(network, len(spec), equivariant_input=False)
        if self.layout.max_l > self.trunk.max_l:
            raise ConfigError(
                f"density_network.irreps: {network.irreps} ends at l = {self.trunk.max_l}, the auxiliary basis at "
                f"l = {self.layout.max_l}; add channels with l = {self.layout.max_l} or lower basis.max_l"
            )
        self.harmonics = Harmonics(self.trunk.max_l)
        self.embedding = nn.Parameter(torch.randn(len(spec), self.trunk.channels))
        self.width = self.trunk.channels * network.layers
        self.flow = ChargeFlow(self.width, network.radial)
        self.heads = nn.ModuleList(
            ShellLinear(self.width, self.layout.width(element), self.trunk.max_l, gain=0.0)
            for element in range(len(spec))
        )
        self.exponent_scaling: ExponentScaling | None = None
        if flexible:
            self.make_flexible()
        for element, size in enumerate(self.layout.sizes.tolist()):
            self.register_buffer(f"charge_{element}", torch.zeros(size, dtype=torch.float64))
            self.register_buffer(f"response_{element}", torch.zeros(size, dtype=torch.float64))
            self.register_buffer(f"inverse_{element}", torch.zeros(size, size, dtype=torch.float64), persistent=False)

    def make_flexible(self) -> None:
        """Let every atom stretch the exponents of its functions from now on, at first by nothing."""
        self.exponent_scaling = self.exponent_scaling or ExponentScaling(self.width, self.layout).to(self.embedding)

    def describe(self) -> dict[str, Any]:
        """Return, JSON-ready, what `rebuild_density` makes a network of the same shape from."""
        return {**self.config.model_dump(), "flexible": self.exponent_scaling is not None}

    @torch.no_grad()
    def set_charges(self, charges: Sequence[Tensor], inverses: Sequence[Tensor]) -> None:
        r"""Set the charges :math:`\int\chi` of the functions of each element and the inverse of their Coulomb metric.

        The inverse says how functions share a missing charge: as little Coulomb energy as possible is changed.
        """
        for element, (charge, inverse) in enumerate(zip(charges, inverses, strict=True)):
            getattr(self, f"charge_{element}").copy_(charge)
            getattr(self, f"inverse_{element}").copy_(inverse)
            getattr(self, f"response_{element}").copy_(inverse @ charge)

    def forward(self, graph: Graph, shared: Geometry | None = None) -> Tensor:
        """Return the coefficients of `expand`."""
        return self.expand(graph, shared).coefficients

    def expand(self, graph: Graph, shared: Geometry | None = None) -> Expansion:
        """Return the density differences of all frames, one atom after another.

        Parameters
        ----------
        graph
            Structures.
        shared
            Geometry of the graph with harmonics up to this network's l or higher, where it is known already.
        """
        graph = graph.within(self.config.cutoff)
        shared = shared.within(graph) if shared else geometry(graph, self.harmonics, self.embedding.dtype)
        features = self.trunk(self.embedding, graph, shared)
        present = self.layout.present(graph)
        gained = self.flow(features[0], self.trunk.basis(shared.distances), graph).double()
        blocks, charges, responses, logarithms = [], [], [], []
        for element, atoms, _ in present:
            whitened = self.layout.flatten(self.heads[element](features.index_select(1, atoms)), element)
            charge = getattr(self, f"charge_{element}").expand(len(atoms), -1)
            response = getattr(self, f"response_{element}").expand(len(atoms), -1)
            if self.exponent_scaling:
                logarithms.append(self.exponent_scaling(features[0].index_select(0, atoms), element))
                charge = charge * moment_scale(logarithms[-1], 0)
                response = charge @ getattr(self, f"inverse_{element}")  # so that charge times response is positive
            blocks.append(_charged(self.whitening.colour(whitened, element), charge, response, gained[atoms]))
            charges.append(charge)
            responses.append(response)
        values = [self._flat(parts, graph, present) for parts in (blocks, charges, responses)]
        return Expansion(_neutral(*values, graph, present), self._flat(logarithms, graph, present))

    def _flat(self, blocks: list[Tensor], graph: Graph, present: Places) -> Tensor:
        """Return what belongs to all functions (functions,) from what belongs to those of each element (n, size)."""
        if not blocks:
            return graph.positions.new_zeros(0)
        places = torch.cat([index.flatten() for _, _, index in present])
        flat = blocks[0].new_zeros(self.layout.total(graph))
        return flat.index_copy(0, places, torch.cat([block.flatten() for block in blocks]))


def _charged(block: Tensor, charge: Tensor, response: Tensor, gained: Tensor) -> Tensor:
    """Return the coefficients (n, size) of one element with given numbers of electrons (n,) on the atoms."""
    capacity = (charge * response).sum(1).clamp(min=torch.finfo(block.dtype).tiny)
    return block + ((gained - (block * charge).sum(1)) / capacity)[:, None] * response


def _neutral(flat: Tensor, charge: Tensor, response: Tensor, graph: Graph, present: Places) -> Tensor:
    r"""Return coefficients with :math:`\int\Delta\rho = 0` in every frame: ``c - w (q.c) / (q.w)``."""
    owner = graph.frame.new_zeros(len(flat))
    for _, atoms, index in present:
        owner[index] = graph.frame[atoms][:, None].expand_as(index)
    zeros = flat.new_zeros(graph.n_frames)
    capacity = zeros.index_add(0, owner, charge * response).clamp(min=torch.finfo(flat.dtype).tiny)
    excess = zeros.index_add(0, owner, charge * flat) / capacity
    return flat - response * excess.index_select(0, owner)


def spec_of(basis: AuxiliaryBasis) -> Spec:
    """Return the shells of each element of a basis."""
    return {symbol: basis.multiplicities(symbol) for symbol in basis.shells}


def rebuild_density(basis: AuxiliaryBasis, description: dict[str, Any], path: str | Path) -> DensityNetwork:
    """Return an untrained network of the shape that `DensityNetwork.describe` described, in a model file."""
    values = {name: value for name, value in description.items() if name != "flexible"}
    return build_density(basis, settings(path, DensityNetworkSettings, values), description.get("flexible", False))


def build_density(basis: AuxiliaryBasis, network: DensityNetworkSettings, flexible: bool = False) -> DensityNetwork:
    """Return an untrained density network for a basis, with the charges of its functions set."""
    density = DensityNetwork(spec_of(basis), network, flexible)
    charges, inverses = [], []
    for symbol in density.elements:
        charge = basis.charges([symbol])
        inverse = np.zeros((len(charge), len(charge)))
        scalars = basis.multiplicities(symbol).get(0, 0)
        if scalars:  # they come first, and nothing else has a charge
            inverse[:scalars, :scalars] = np.linalg.inv(basis.coulomb(symbol, 0))
        charges.append(torch.as_tensor(charge))
        inverses.append(torch.as_tensor(inverse))
    density.set_charges(charges, inverses)
    return density


def dipole_moments(basis: AuxiliaryBasis, elements: Sequence[str]) -> list[Tensor]:
    """Return, for each element, the dipoles of its functions about the atom, (size, 3) in e Angstrom."""
    return [torch.as_tensor(basis.dipoles([symbol]) * Bohr) for symbol in elements]


def frame_dipoles(density: DensityNetwork, moments: list[Tensor], graph: Graph, expansion: Expansion) -> Tensor:
    r"""Return the dipole of each frame, (n_frames, 3) in e Angstrom.

    Free atoms are neutral and spherical, so :math:`\mu = -\sum_A (R_A\, q_A \cdot c_A + d_A \cdot c_A)` with the
    charges q of the functions and their dipoles d about their own atom.
    """
    atomic = torch.zeros_like(graph.positions)
    coefficients, logarithms = expansion
    for element, atoms, index in density.layout.present(graph):
        charged = moved = coefficients[index]
        if len(logarithms):
            charged, moved = (moved * moment_scale(logarithms[index], order) for order in (0, 1))
        charge = charged @ getattr(density, f"charge_{element}")
        own = charge[:, None] * graph.positions[atoms] + moved @ moments[element]
        atomic = atomic.index_copy(0, atoms, own)
    return -graph.sum_frames(atomic)
