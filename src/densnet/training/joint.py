"""Both networks trained on together, from where their own trainings left them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densnet.config import JointTraining
from densnet.dataset import Dataset
from densnet.files import sha256
from densnet.models.density import Expansion
from densnet.models.densnet import DenSNet
from densnet.models.graph import Graph, collate
from densnet.models.store import MODEL
from densnet.training.density_loss import CoefficientStage, DensityFrame, density_stage
from densnet.training.processes import side_by_side
from densnet.training.stopwatch import Stopwatch
from densnet.training.task import Task
from densnet.training.trainer import train


@dataclass(frozen=True)
class Targets:
    """Energy (1,) in eV and forces (atoms, 3) in eV/Angstrom of one frame."""

    energy: Tensor
    forces: Tensor


class JointStage:
    """Loss and validation of both networks (see `densnet.training.trainer.Stage`).

    Parameters
    ----------
    density
        Loss of the density network; its graphs reach as far as both networks.
    train, validation
        Energies and forces of its frames.
    training
        Weights.
    """

    def __init__(
        self, density: CoefficientStage, train: list[Targets], validation: list[Targets], training: JointTraining
    ) -> None:
        self.density, self.train, self.validation = density, train, validation
        self.electrons = density.electrons
        self.weight, self.density_weight = training.weight, training.density_weight

    def loss(self, network: DenSNet, frames: Sequence[int], progress: float) -> Tensor:
        """Return the weighted errors of energies and forces, and of densities, dipoles and polar tensors, as alone."""
        chosen = [self.density.train[index] for index in frames]
        graph, found, errors = self._errors(network, chosen, [self.train[index] for index in frames], create_graph=True)
        score = self._score(*errors, weight=self.weight(progress))
        if self.density.knows_polar(chosen):
            polar = self.density.polar(network.density, graph, frames, found, progress)
            score = score + self.density_weight * polar
        return score

    def validate(self, network: DenSNet) -> dict[str, float]:
        """Return the score and the errors that either training reports."""
        found = []
        for frame, targets in zip(self.density.validation, self.validation, strict=True):
            errors = self._errors(network, [frame], [targets], create_graph=False)[-1]
            found.append([error.detach() for error in errors])
        energy, forces, density, dipole = (torch.cat(parts) for parts in zip(*found, strict=True))
        sizes = torch.tensor([len(targets.forces) for targets in self.validation], dtype=forces.dtype)
        return {
            "score": float(self._score(energy, forces, density, dipole, weight=self.weight(1.0))),
            "energy_mae_mev_per_atom": 1e3 * float(energy.mean()),
            "force_mae_mev_per_angstrom": 1e3 * float((forces.cpu() * sizes).sum() / sizes.sum()),
            **self.density.summary(density, dipole),
        }

    def _score(self, energy: Tensor, forces: Tensor, density: Tensor, dipole: Tensor, weight: float) -> Tensor:
        potential = weight * energy.mean() + (1 - weight) * forces.mean()
        return potential + self.density_weight * self.density.score(density, dipole)

    def _errors(
        self, network: DenSNet, frames: list[DensityFrame], targets: list[Targets], create_graph: bool
    ) -> tuple[Graph, Expansion, tuple[Tensor, ...]]:
        """Return the graph, its density, and each frame's errors of energy per atom, forces, density and dipole."""
        graph = collate([frame.graph for frame in frames])
        graph = graph.moved(graph.positions.requires_grad_(True))
        found = network(graph)
        energy = found["energy"]
        forces = -torch.autograd.grad(energy.sum(), graph.positions, create_graph=create_graph, retain_graph=True)[0]
        sizes = torch.bincount(graph.frame, minlength=graph.n_frames)
        energy_error = (energy - torch.cat([one.energy for one in targets])).abs() / sizes
        force_error = (forces - torch.cat([one.forces for one in targets])).abs().mean(-1)
        each = graph.sum_frames(force_error) / sizes
        expansion = Expansion(*(found[name] for name in Expansion._fields))
        density_errors = self.density.errors(network.density, graph, frames, expansion)
        return graph, expansion, (energy_error, each, *density_errors)


def train_joint(task: Task, model_path: Path, training: JointTraining) -> None:
    """Train both networks of a model on together.

    Parameters
    ----------
    task
        Frames, and where the model goes.
    model_path
        Model whose networks have been trained one after the other; it stays as it is.
    training
        Optimisation.
    """
    side_by_side(training.processes, task.device, _train, task, model_path, training)


def _train(device: str, task: Task, model_path: Path, training: JointTraining) -> None:
    stopwatch, dataset = Stopwatch(), task.open()
    model = DenSNet.load(model_path, device)
    task.check(model_path, model.basis, model.free_atoms, dataset)
    fingerprint = task.fingerprint(training.fingerprint(), sha256(model_path))
    if task.is_done(MODEL, "joint_training", fingerprint):
        return
    stage = _stage(model, dataset, training, device)
    model.requires_grad_(True)
    rows = train(model, stage, training, task.seed, task.checkpoint, fingerprint, "both networks", stopwatch)

    def save(metadata: dict[str, Any]) -> None:
        model.metadata = model.metadata | {"joint_training": metadata}
        model.cpu().save(task.out)

    task.keep(rows, dataset, training, fingerprint, stopwatch.seconds, save)


def _stage(model: DenSNet, dataset: Dataset, training: JointTraining, device: str) -> JointStage:
    targets = {
        split: [
            Targets(torch.as_tensor(energy, device=device)[None], torch.as_tensor(forces, device=device))
            for _, frames in dataset.of(split)
            for energy, forces in zip(frames.energy, frames.forces, strict=True)
        ]
        for split in ("train", "validation")
    }
    density = density_stage(model.density, dataset, training, device, reach=model.cutoff)
    return JointStage(density, targets["train"], targets["validation"], training)
