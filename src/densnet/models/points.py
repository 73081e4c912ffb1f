"""Density differences on points of space, differentiable in coefficients and in the exponents."""

from __future__ import annotations

import math

import torch
from ase.units import Bohr
from torch import Tensor, nn

from densnet.basis import AuxiliaryBasis
from densnet.models.density import DensityNetwork, Expansion
from densnet.models.graph import Graph
from densnet.models.spherical import Harmonics

NEAREST = 1e-6
"""bohr; closer to a nucleus a point has no direction."""


class PointDensity(nn.Module):
    """Evaluates what a density network predicts.

    Parameters
    ----------
    network
        The network; its elements and its layout.
    basis
        Auxiliary basis of the coefficients.
    dtype
        Precision of the functions.
    """

    def __init__(self, network: DensityNetwork, basis: AuxiliaryBasis, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.layout, self.dtype = network.layout, dtype
        self.harmonics = Harmonics(self.layout.max_l)
        for element, symbol in enumerate(network.elements):
            shells = basis.of(symbol)
            exponents = torch.cat([torch.tensor(shell.exponents, dtype=torch.float64) for shell in shells])
            owner = torch.repeat_interleave(torch.tensor([len(shell.exponents) for shell in shells]))
            place = torch.arange(len(exponents))
            if not network.exponent_scaling:  # shells share their primitives as long as each has the same exponents
                exponents, place = torch.unique(exponents, return_inverse=True)
            contraction = torch.zeros(len(exponents), len(shells), dtype=torch.float64)
            contraction[place, owner] = torch.cat([torch.as_tensor(shell.prefactors()) for shell in shells])
            momenta = torch.tensor([shell.l for shell in shells])
            of_function = torch.arange(len(shells)).repeat_interleave(2 * momenta + 1)
            self._keep(element, exponents=exponents.to(dtype), contraction=contraction.to(dtype), owner=owner)
            self._keep(element, momenta=momenta.to(dtype), of_function=of_function)

    def _keep(self, element: int, **tensors: Tensor) -> None:
        for name, values in tensors.items():
            self.register_buffer(f"{name}_{element}", values, persistent=False)

    def forward(self, graph: Graph, expansion: Expansion, points: Tensor) -> Tensor:
        """Return the density difference of one frame (P,) in e/bohr^3 on points (P, 3) in Angstrom."""
        total = points.new_zeros(len(points), dtype=self.dtype)
        for element, atoms, index in self.layout.present(graph):
            vectors = ((points - graph.positions[atoms][:, None]) / Bohr).to(self.dtype)
            logarithms = expansion.logarithms[index].to(self.dtype) if len(expansion.logarithms) else None
            total = total + self._of_element(element, vectors, expansion.coefficients[index], logarithms)
        return total

    def _of_element(self, element: int, vectors: Tensor, coefficients: Tensor, logarithms: Tensor | None) -> Tensor:
        """Return the sum over atoms (n,) of an element, from vectors (n, P, 3) to the points."""
        exponents, contraction, owner, momenta, of_function = (
            getattr(self, f"{name}_{element}")
            for name in ("exponents", "contraction", "owner", "momenta", "of_function")
        )
        distances = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp(min=NEAREST)
        if logarithms is None:
            radial = torch.exp(-distances.square() * exponents) @ contraction
        else:  # stretched by s: s^(3/4) times the function at sqrt(s) r, with the s of each shell's first function
            first = torch.searchsorted(of_function, torch.arange(len(momenta), device=vectors.device))
            stretch = logarithms[:, None, first]
            radial = torch.exp(-distances.square() * exponents * torch.exp(stretch[..., owner])) @ contraction
            radial = radial * torch.exp((0.75 + 0.5 * momenta) * stretch)
        radial = radial * distances**momenta
        angular = self.harmonics(vectors / distances) / math.sqrt(4 * math.pi)
        component, atoms = getattr(self.layout, f"component_{element}"), torch.arange(len(vectors))[:, None]
        weights = coefficients.new_zeros(len(vectors), len(momenta), angular.shape[-1])
        weights = weights.index_put((atoms.to(vectors.device), of_function, component), coefficients)
        return ((radial @ weights.to(self.dtype)) * angular).sum((0, 2))
