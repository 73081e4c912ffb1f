"""Training of the energy network on energies and forces, on top of a frozen density network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from densnet.config import EnergyNetworkSettings, EnergyTraining
from densnet.dataset import Dataset
from densnet.files import sha256
from densnet.frames import FrameSet
from densnet.models.densnet import DenSNet
from densnet.models.energy import EnergyNetwork
from densnet.models.graph import Graph, collate
from densnet.models.shells import Layout
from densnet.models.store import MODEL
from densnet.training.batches import electrons
from densnet.training.density import load_density
from densnet.training.density_loss import require
from densnet.training.jacobian import coefficients_and_jacobian
from densnet.training.processes import count, shared_out, side_by_side
from densnet.training.stopwatch import Stopwatch
from densnet.training.task import Task
from densnet.training.trainer import train
from densnet.training.whitening import statistics

INPUT_FLOOR = 1.0
"""Components of the density that vary less than this, relative to the largest, are not blown up to unit variance: the
density network knows them least, and an error there would look like a strange molecule to the energy network."""


@dataclass(frozen=True)
class EnergyFrame:
    """One frame: structure, predicted coefficients and their Jacobian, energy above free atoms (1,) and forces."""

    graph: Graph
    coefficients: Tensor
    jacobian: Tensor
    energy: Tensor
    forces: Tensor


class EnergyStage:
    """Loss and validation of the energy network (see `densnet.training.trainer.Stage`)."""

    def __init__(
        self,
        train: list[EnergyFrame],
        validation: list[EnergyFrame],
        weight: Callable[[float], float],
        elements: Sequence[str],
    ) -> None:
        self.train, self.validation, self.weight = train, validation, weight
        self.electrons = electrons([frame.graph for frame in train], elements)

    def loss(self, network: EnergyNetwork, frames: Sequence[int], progress: float) -> Tensor:
        """Return the weighted mean absolute errors of the energy per atom and of the forces, all frames alike."""
        chosen = [self.train[index] for index in frames]
        energy, forces = self._errors(network, chosen, create_graph=True)
        each = torch.stack([part.abs().mean() for part in forces.split([len(frame.forces) for frame in chosen])])
        weight = self.weight(progress)
        return weight * energy.abs().mean() + (1 - weight) * each.mean()

    def validate(self, network: EnergyNetwork) -> dict[str, float]:
        """Return the score, and mean absolute errors of energy (meV per atom) and forces (meV/Angstrom)."""
        found = [self._errors(network, [frame], create_graph=False) for frame in self.validation]
        energy = float(torch.cat([energy for energy, _ in found]).abs().mean().detach())
        forces = float(torch.cat([forces.flatten() for _, forces in found]).abs().mean().detach())
        score = self.weight(1.0) * energy + (1 - self.weight(1.0)) * forces
        return {"score": score, "energy_mae_mev_per_atom": 1e3 * energy, "force_mae_mev_per_angstrom": 1e3 * forces}

    def _errors(self, network: EnergyNetwork, frames: list[EnergyFrame], create_graph: bool) -> tuple[Tensor, Tensor]:
        """Return the errors of the energy per atom (frames,) and of the forces (atoms, 3)."""
        graph = collate([frame.graph for frame in frames])
        graph = graph.moved(graph.positions.requires_grad_(True))
        coefficients = torch.cat([frame.coefficients for frame in frames]).requires_grad_(True)
        energy = network(graph, coefficients)
        direct, response = torch.autograd.grad(
            energy.sum(), (graph.positions, coefficients), create_graph=create_graph, materialize_grads=True
        )
        parts = response.float().split([len(frame.coefficients) for frame in frames])
        through = torch.cat([part @ frame.jacobian for part, frame in zip(parts, frames, strict=True)]).view(-1, 3)
        sizes = energy.new_tensor([len(frame.forces) for frame in frames])
        energy_error = (energy - torch.cat([frame.energy for frame in frames])) / sizes
        return energy_error, -(direct.float() + through) - torch.cat([frame.forces for frame in frames])


def train_energy(task: Task, density_path: Path, network: EnergyNetworkSettings, training: EnergyTraining) -> None:
    """Train the energy network and write the whole model.

    Parameters
    ----------
    task
        Frames, and where the whole model goes (`DenSNet.load`).
    density_path
        Trained density network; it stays as it is.
    network, training
        Size and optimisation of the energy network.
    """
    side_by_side(training.processes, task.device, _train, task, density_path, network, training)


def _train(
    device: str, task: Task, density_path: Path, network: EnergyNetworkSettings, training: EnergyTraining
) -> None:
    stopwatch, dataset = Stopwatch(), task.open()
    density, basis, free_atoms, about_density = load_density(density_path)
    task.check(density_path, basis, free_atoms, dataset)
    fingerprint = task.fingerprint(network.fingerprint(), training.fingerprint(), sha256(density_path))
    if task.is_done(MODEL, "energy_training", fingerprint):
        return
    torch.manual_seed(task.seed)
    model = DenSNet(density, EnergyNetwork(density.layout.spec, network), basis, free_atoms)
    stage = _stage(model.to(device), dataset, training, device)
    rows = train(model.energy, stage, training, task.seed, task.checkpoint, fingerprint, "energy network", stopwatch)

    def save(metadata: dict[str, Any]) -> None:
        data = {"name": dataset.meta.get("name"), "study": dataset.meta.get("study", {})}
        model.metadata = data | {"density_training": about_density, "energy_training": metadata}
        model.cpu().save(task.out)

    task.keep(rows, dataset, training, fingerprint, stopwatch.seconds, save)


def _stage(model: DenSNet, dataset: Dataset, training: EnergyTraining, device: str) -> EnergyStage:
    """Return the stage, after setting shifts, scale and whitening of the energy network."""
    chosen = [frames for _, frames in dataset.of("train")]
    require(chosen, "train")
    _normalise(model, chosen)
    split = {
        name: [frame for _, frames in dataset.of(name) for frame in _frames(frames, model, device)]
        for name in ("train", "validation")
    }
    require(split["validation"], "validation")
    return EnergyStage(split["train"], split["validation"], training.weight, model.elements)


@torch.no_grad()
def _normalise(model: DenSNet, frames: list[FrameSet]) -> None:
    """Set the shift of each element by least squares, the scale to the root mean square force."""
    network = model.energy
    for symbol, found in statistics(frames, model.basis, overlap_weight=1.0, floor=INPUT_FLOOR).items():
        network.whitening.set(
            network.elements.index(symbol), torch.as_tensor(found.mean), torch.as_tensor(found.matrix)
        )
    network.scale.fill_(float(np.sqrt(np.mean(np.concatenate([one.forces.ravel() for one in frames]) ** 2))))
    counts = [np.tile([one.symbols.count(symbol) for symbol in network.elements], (len(one), 1)) for one in frames]
    energies = [one.energy - model.free_atoms.energy(one.symbols) for one in frames]
    # Chains of one repeat unit do not determine every element: take the smallest shifts that fit.
    shift = np.linalg.lstsq(np.concatenate(counts), np.concatenate(energies), rcond=1e-8)[0]
    network.shift.copy_(torch.as_tensor(shift))


def _frames(frames: FrameSet, model: DenSNet, device: str) -> list[EnergyFrame]:
    relative = frames.energy - model.free_atoms.energy(frames.symbols)
    graphs = [model.graph([(frames.symbols, positions)]) for positions in frames.positions]
    found = zip(graphs, _densities(graphs, model), relative[:, None], frames.forces.astype(np.float32), strict=True)
    return [
        EnergyFrame(graph, *(torch.as_tensor(part, device=device) for part in (*density, energy, forces)))
        for graph, density, energy, forces in found
    ]


def _densities(graphs: list[Graph], model: DenSNet) -> list[tuple[Tensor, Tensor]]:
    """Return the coefficients of each frame and their derivatives; zeros where the energy network reads none."""
    if not model.energy.config.density:
        return [_unread(model.density.layout, graph) for graph in graphs]
    with tqdm(total=len(graphs), desc="densities and their derivatives", unit="frame", disable=None) as bar:

        def differentiated(graph: Graph) -> tuple[Tensor, Tensor]:
            bar.update(min(count(), bar.total - bar.n))
            coefficients, jacobian = coefficients_and_jacobian(model.density, graph)
            return coefficients.cpu(), jacobian.cpu()

        return shared_out(graphs, differentiated)


def _unread(layout: Layout, graph: Graph) -> tuple[Tensor, Tensor]:
    """Return zeros for coefficients that the energy network does not read, and for their derivatives."""
    size = layout.total(graph)
    coefficients = graph.positions.new_zeros(size)
    return coefficients, coefficients.new_zeros(size, graph.positions.numel(), dtype=torch.float32)
