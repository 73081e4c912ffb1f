"""Training of the density network on the coefficients and dipoles of labelled frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityNetworkSettings, DensityTraining
from densnet.dataset import Dataset
from densnet.models.density import DensityNetwork, build_density, rebuild_density
from densnet.models.store import read_archive, rebuilding, write_archive
from densnet.prior import FreeAtoms
from densnet.training.density_loss import CoefficientStage, density_stage, require
from densnet.training.processes import side_by_side
from densnet.training.stopwatch import Stopwatch
from densnet.training.task import Task
from densnet.training.trainer import train
from densnet.training.whitening import statistics

KIND = "DensityNetwork"


def train_density(task: Task, network: DensityNetworkSettings, training: DensityTraining) -> None:
    """Train the density network on a dataset.

    Parameters
    ----------
    task
        Frames, and where the trained network goes (`load_density`).
    network, training
        Size and optimisation.
    """
    side_by_side(training.processes, task.device, _train, task, network, training)


def _train(device: str, task: Task, network: DensityNetworkSettings, training: DensityTraining) -> None:
    stopwatch, dataset = Stopwatch(), task.open()
    fingerprint = task.fingerprint(network.fingerprint(), training.fingerprint())
    if task.is_done(KIND, None, fingerprint):
        return
    torch.manual_seed(task.seed)
    model = build_density(dataset.basis, network)
    stage = _stage(model, dataset, training, device)
    rows = train(model, stage, training, task.seed, task.checkpoint, fingerprint, "density network", stopwatch)

    def save(metadata: dict[str, Any]) -> None:
        save_density(task.out, model.cpu(), dataset.basis, dataset.free_atoms, metadata)

    task.keep(rows, dataset, training, fingerprint, stopwatch.seconds, save)


def _stage(model: DensityNetwork, dataset: Dataset, training: DensityTraining, device: str) -> CoefficientStage:
    """Return the stage, after setting the whitening of the network."""
    chosen = [frames for _, frames in dataset.of("train")]
    require(chosen, "train")
    found = statistics(chosen, dataset.basis, None if training.loss == "coefficients" else training.overlap_weight)
    for element, symbol in enumerate(model.elements):
        one = found[symbol]
        model.whitening.set(element, torch.as_tensor(one.mean), torch.as_tensor(one.matrix))
    return density_stage(model.to(device), dataset, training, device, model.config.cutoff)


def save_density(
    path: Path, network: DensityNetwork, basis: AuxiliaryBasis, free_atoms: FreeAtoms, metadata: dict[str, Any]
) -> None:
    """Write a density network with what it needs to be used."""
    description = {
        "basis": basis.to_dict(),
        "free_atoms": free_atoms.to_dict(),
        "network": network.describe(),
        "metadata": metadata,
    }
    write_archive(path, KIND, description, network.state_dict())


def load_density(path: Path) -> tuple[DensityNetwork, AuxiliaryBasis, FreeAtoms, dict[str, Any]]:
    """Return a density network, its basis, free atoms and metadata; raise `ModelError` when the file is unusable."""
    description, state = read_archive(path, KIND)
    with rebuilding(path):
        basis = AuxiliaryBasis.from_dict(description["basis"])
        network = rebuild_density(basis, description["network"], path)
        network.load_state_dict(state)
        free_atoms, metadata = FreeAtoms.from_dict(description["free_atoms"]), description["metadata"]
    return network.requires_grad_(False), basis, free_atoms, metadata
