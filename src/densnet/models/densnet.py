"""The two networks as one model: from a structure to its density, energy, forces and dipole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.units import Hartree
from torch import Tensor, nn

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityNetworkSettings, EnergyNetworkSettings
from densnet.models.density import (
    DensityNetwork,
    Expansion,
    build_density,
    dipole_moments,
    frame_dipoles,
    rebuild_density,
    spec_of,
)
from densnet.models.devices import torch_device
from densnet.models.energy import EnergyNetwork
from densnet.models.graph import Graph, build_graph
from densnet.models.layers import geometry
from densnet.models.store import MODEL, read_archive, rebuilding, settings, write_archive
from densnet.prior import FreeAtoms

ROWS = 12
"""Rows of a Jacobian that are formed together: wider matrix products, more memory."""


class DenSNet(nn.Module):
    """Density network, energy network, auxiliary basis and free atoms.

    The networks compute in the precision of their weights: float32, or float64 after ``model.double()``.

    Attributes
    ----------
    metadata
        JSON-ready facts about the model: settings and provenance of its data, and of the training of each network; in
        the file of a study also the errors on the test frames (`densnet.report.packing`).
    """

    def __init__(
        self,
        density: DensityNetwork,
        energy: EnergyNetwork,
        basis: AuxiliaryBasis,
        free_atoms: FreeAtoms,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.density, self.energy = density, energy
        self.basis, self.free_atoms, self.metadata = basis, free_atoms, dict(metadata or {})
        self.near, self.cutoff = sorted([density.config.cutoff, energy.config.cutoff])
        atomic = [free_atoms.atoms[symbol].energy * Hartree for symbol in self.elements]
        self.register_buffer("free_energy", torch.tensor(atomic, dtype=torch.float64), persistent=False)
        self.harmonics = max(density.harmonics, energy.harmonics, key=lambda harmonics: harmonics.max_l)
        for element, moment in enumerate(dipole_moments(basis, self.elements)):
            self.register_buffer(f"moment_{element}", moment, persistent=False)

    @classmethod
    def create(
        cls,
        basis: AuxiliaryBasis,
        free_atoms: FreeAtoms,
        density: DensityNetworkSettings,
        energy: EnergyNetworkSettings,
    ) -> DenSNet:
        """Return an untrained model."""
        density_network = build_density(basis, density)
        return cls(density_network, EnergyNetwork(spec_of(basis), energy), basis, free_atoms)

    @property
    def elements(self) -> list[str]:
        """Chemical symbols of the elements the model knows."""
        return self.density.elements

    def graph(self, frames: Sequence[tuple[Sequence[str], np.ndarray]]) -> Graph:
        """Return the graph of frames, given as (symbols, positions in Angstrom); see `build_graph`."""
        return build_graph(frames, self.elements, self.cutoff, self.near).to(self.free_energy.device)

    def forward(self, graph: Graph) -> dict[str, Tensor]:
        """Return energy (n_frames,) eV, dipole (n_frames, 3) e Angstrom and the flat `Expansion`, differentiable."""
        shared = geometry(graph, self.harmonics, self.density.embedding.dtype)
        expansion = self.density.expand(graph, shared)
        energy = self.energy(graph, expansion.coefficients, shared)
        energy = energy + graph.sum_frames(self.free_energy[graph.species])
        return {"energy": energy, "dipole": self.dipole(graph, expansion), **expansion._asdict()}

    def dipole(self, graph: Graph, expansion: Expansion) -> Tensor:
        """Return the dipole of each frame, (n_frames, 3) in e Angstrom; see `frame_dipoles`."""
        moments = [getattr(self, f"moment_{element}") for element in range(len(self.elements))]
        return frame_dipoles(self.density, moments, graph, expansion)

    def properties(self, graph: Graph, forces: bool = True) -> dict[str, Tensor]:
        """Return what `forward` does and forces (atoms, 3) in eV/Angstrom, detached."""
        with torch.set_grad_enabled(forces):
            graph = graph.moved(graph.positions.detach().requires_grad_(forces))
            results = self(graph)
            if forces:
                results["forces"] = -torch.autograd.grad(results["energy"].sum(), graph.positions)[0]
        return {name: value.detach() for name, value in results.items()}

    def hessian(self, graph: Graph) -> Tensor:
        """Return the second derivatives of the energy of one frame, (3 atoms, 3 atoms) in eV/Angstrom^2."""
        graph = graph.moved(graph.positions.detach().requires_grad_(True))
        gradient = torch.autograd.grad(self(graph)["energy"].sum(), graph.positions, create_graph=True)[0]
        rows = _jacobian(gradient.flatten(), graph.positions)
        return 0.5 * (rows + rows.T)

    def dipole_derivatives(self, graph: Graph) -> Tensor:
        """Return the derivatives of the dipole of one frame, (3 atoms, 3) in e."""
        graph = graph.moved(graph.positions.detach().requires_grad_(True))
        return _jacobian(self.dipole(graph, self.density.expand(graph)).flatten(), graph.positions).T

    def save(self, path: str | Path) -> None:
        """Write the whole model to one file."""
        description = {
            "basis": self.basis.to_dict(),
            "free_atoms": self.free_atoms.to_dict(),
            "density": self.density.describe(),
            "energy": self.energy.config.model_dump(),
            "metadata": self.metadata,
        }
        write_archive(path, MODEL, description, self.state_dict())

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> DenSNet:
        """Return the model in a file; raise `ModelError` when it is damaged or of another version.

        The device is one of `densnet.models.devices.torch_device`, or PyTorch's own.
        """
        description, state = read_archive(path, MODEL)
        with rebuilding(path):
            basis = AuxiliaryBasis.from_dict(description["basis"])
            density = rebuild_density(basis, description["density"], path)
            energy = EnergyNetwork(spec_of(basis), settings(path, EnergyNetworkSettings, description["energy"]))
            model = cls(density, energy, basis, FreeAtoms.from_dict(description["free_atoms"]), description["metadata"])
            model.load_state_dict(state)
        return model.requires_grad_(False).eval().to(torch_device(device) if isinstance(device, str) else device)


def _jacobian(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Return the derivatives of outputs (n,) by inputs (atoms, 3), shape (n, 3 atoms)."""
    unit = torch.eye(len(outputs), dtype=outputs.dtype, device=outputs.device)
    rows = [
        torch.autograd.grad(outputs, inputs, some, retain_graph=True, is_grads_batched=True)[0].flatten(1)
        for some in unit.split(ROWS)
    ]
    return torch.cat(rows).detach()
