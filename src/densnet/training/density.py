"""Training of the density network on the coefficients and dipoles of labelled frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityNetworkSettings, DensityTraining
from densnet.dataset import Dataset
from densnet.files import sha256
from densnet.models.density import DensityNetwork, build_density
from densnet.models.store import read_archive, write_archive
from densnet.prior import FreeAtoms
from densnet.training.density_loss import DensityStage, density_stage, require
from densnet.training.outcome import about, digest, is_trained, keep
from densnet.training.processes import side_by_side
from densnet.training.trainer import train
from densnet.training.whitening import statistics

KIND = "DensityNetwork"


def train_density(
    dataset_path: Path,
    network: DensityNetworkSettings,
    training: DensityTraining,
    seed: int,
    out: Path,
    history: Path,
    device: str = "cpu",
    train_frames: int | dict[int, int] | None = None,
) -> None:
    """Train the density network on a dataset.

    Parameters
    ----------
    dataset_path
        Dataset of the study.
    network, training
        Size and optimisation.
    seed
        Of the initial weights and the order of the frames.
    out
        File of the trained network. Beside it a checkpoint lies while training runs.
    history
        CSV file of the loss curves.
    device
        ``cpu`` or ``cuda``.
    train_frames
        How many of the training frames to learn from (see `Dataset.learning_from`); by default all.
    """
    arguments = (dataset_path, network, training, seed, out, history, train_frames)
    side_by_side(training.processes, device, _train, *arguments)


def _train(
    device: str,
    dataset_path: Path,
    network: DensityNetworkSettings,
    training: DensityTraining,
    seed: int,
    out: Path,
    history: Path,
    train_frames: int | dict[int, int] | None,
) -> None:
    started = time.perf_counter()
    dataset = Dataset.open(dataset_path).learning_from(train_frames)
    fingerprint = digest(network.fingerprint(), training.fingerprint(), seed, sha256(dataset_path), train_frames)
    if is_trained(out, KIND, None, fingerprint):
        return
    torch.manual_seed(seed)
    model = build_density(dataset.basis, network)
    stage = _stage(model, dataset, training, device)
    if model.breathing:  # coefficients say nothing about it
        model.breathing.requires_grad_(False)
    checkpoint = out.with_suffix(".checkpoint")
    rows = train(model, stage, training, seed, checkpoint, fingerprint, "density network")

    def save(metadata: dict[str, Any]) -> None:
        save_density(out, model.cpu(), dataset.basis, dataset.free_atoms, metadata)

    keep(rows, history, checkpoint, save, about(dataset, training, fingerprint, rows, started))


def _stage(model: DensityNetwork, dataset: Dataset, training: DensityTraining, device: str) -> DensityStage:
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
        "network": network.config.model_dump(),
        "metadata": metadata,
    }
    write_archive(path, KIND, description, network.state_dict())


def load_density(path: Path) -> tuple[DensityNetwork, AuxiliaryBasis, FreeAtoms, dict[str, Any]]:
    """Return a density network, its basis, free atoms and metadata; raise `ModelError` when the file is unusable."""
    description, state = read_archive(path, KIND)
    basis, free_atoms = AuxiliaryBasis.from_dict(description["basis"]), FreeAtoms.from_dict(description["free_atoms"])
    network = build_density(basis, DensityNetworkSettings(**description["network"]))
    network.load_state_dict(state)
    return network.requires_grad_(False), basis, free_atoms, description["metadata"]
