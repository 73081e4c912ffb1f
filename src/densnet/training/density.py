"""Training of the density network on the coefficients and dipoles of labelled frames."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from ase.units import Debye
from torch import Tensor

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityTraining, Network, Training
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.files import sha256
from densnet.frames import FrameSet
from densnet.models.density import DensityNetwork, build_density, dipole_moments, frame_dipoles
from densnet.models.graph import Graph, build_graph, collate
from densnet.models.store import read_archive, write_archive
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.training.metric import Metric, MolecularMetric, OnSiteMetric, frame_metrics
from densnet.training.processes import is_first, side_by_side
from densnet.training.trainer import best, train, write_history
from densnet.training.whitening import statistics

log = logging.getLogger(__name__)

KIND = "DensityNetwork"
SMALLEST = 1e-12
"""Added to a squared length before its root is taken, which has no derivative at zero."""


@dataclass(frozen=True)
class DensityFrame:
    """One frame: structure, target coefficients (functions,), dipole (1, 3) in e Angstrom, metric of its functions.

    The metric is empty where the loss knows none but that of atoms.
    """

    graph: Graph
    coefficients: Tensor
    dipole: Tensor
    metric: Tensor


class DensityStage:
    """Loss and validation of the density network (see `densnet.training.trainer.Stage`)."""

    def __init__(
        self,
        train: list[DensityFrame],
        validation: list[DensityFrame],
        metric: Metric,
        moments: list[Tensor],
        dipole_weight: float,
    ) -> None:
        self.train, self.validation, self.metric, self.moments = train, validation, metric, moments
        self.size, self.dipole_weight = len(train), dipole_weight
        squares = torch.cat([frame.dipole for frame in train]).square().sum(-1)
        self.typical_dipole = float(squares.mean().clamp(min=1e-4).sqrt())

    def loss(self, network: DensityNetwork, frames: Sequence[int]) -> Tensor:
        """Return the mean over frames of the relative lengths of the errors of density and dipole.

        Lengths and not their squares: what counts in the end is the integrated absolute error of the density.
        """
        density, dipole = self._errors(network, [self.train[index] for index in frames])
        return self._score(density, dipole)

    @torch.no_grad()
    def validate(self, network: DensityNetwork) -> dict[str, float]:
        """Return the score, the relative density error and the mean dipole error in Debye."""
        found = [self._errors(network, [frame]) for frame in self.validation]
        density, dipole = (torch.cat(parts) for parts in zip(*found, strict=True))
        return {
            "score": float(self._score(density, dipole)),
            "density_error": float(density.mean()),
            "dipole_mae_debye": float(dipole.mean()) / Debye,
        }

    def _score(self, density: Tensor, dipole: Tensor) -> Tensor:
        return density.mean() + self.dipole_weight * dipole.mean() / self.typical_dipole

    def _errors(self, network: DensityNetwork, frames: list[DensityFrame]) -> tuple[Tensor, Tensor]:
        """Return the relative length of the error of the density and that of the dipole (e Angstrom), of each frame."""
        graph = collate([frame.graph for frame in frames])
        coefficients = network(graph)
        difference = coefficients - torch.cat([frame.coefficients for frame in frames])
        density = self.metric(graph, difference, [frame.metric for frame in frames])
        dipole = frame_dipoles(network, self.moments, graph, coefficients)
        dipole = (dipole - torch.cat([frame.dipole for frame in frames])).square().sum(-1)
        return (density + SMALLEST).sqrt(), (dipole + SMALLEST).sqrt()


def train_density(
    dataset_path: Path,
    network: Network,
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
    network: Network,
    training: DensityTraining,
    seed: int,
    out: Path,
    history: Path,
    train_frames: int | dict[int, int] | None,
) -> None:
    started = time.perf_counter()
    dataset = Dataset.open(dataset_path).learning_from(train_frames)
    fingerprint = digest(network.fingerprint(), training.fingerprint(), seed, sha256(dataset_path), train_frames)
    torch.manual_seed(seed)
    model = build_density(dataset.basis, network)
    stage = _stage(model, dataset, training, device)
    checkpoint = out.with_suffix(".checkpoint")
    model.to(device)
    rows = train(model, stage, training, seed, checkpoint, fingerprint, "density network")
    if not is_first():
        return
    seconds = round(time.perf_counter() - started, 1)
    metadata = provenance(**about(dataset, training, fingerprint, rows, seconds))
    save_density(out, model.cpu(), dataset.basis, dataset.free_atoms, metadata)
    write_history(history, rows)
    checkpoint.unlink(missing_ok=True)
    log.info(
        "density network: %d parameters, %.0f s, %s", sum(p.numel() for p in model.parameters()), seconds, rows[-1]
    )


def _stage(model: DensityNetwork, dataset: Dataset, training: DensityTraining, device: str) -> DensityStage:
    """Return the stage, after setting the whitening of the network."""
    chosen = [frames for _, frames in dataset.of("train")]
    weight = None if training.loss == "coefficients" else training.overlap_weight
    found = statistics(chosen, dataset.basis, weight)
    for element, symbol in enumerate(model.elements):
        one = found[symbol]
        model.whitening.set(element, torch.as_tensor(one.mean), torch.as_tensor(one.matrix))
    whole = weight if training.loss == "metric" else None
    split = {
        name: [one for _, frames in dataset.of(name) for one in _frames(frames, model, dataset.basis, whole, device)]
        for name in ("train", "validation")
    }
    for name, frames in split.items():
        require(frames, name)
    metric: Metric = OnSiteMetric(model, found).to(device)
    if whole is not None:
        metric = MolecularMetric(chosen, dataset.basis, found, [frame.metric for frame in split["train"]])
    moments = [moment.to(device) for moment in dipole_moments(dataset.basis, model.elements)]
    return DensityStage(split["train"], split["validation"], metric, moments, training.dipole_weight)


def _frames(
    frames: FrameSet, model: DensityNetwork, basis: AuxiliaryBasis, overlap_weight: float | None, device: str
) -> list[DensityFrame]:
    """Return frames for training, with their metric unless there is no ``overlap_weight``."""
    metrics = repeat(torch.zeros(0, 0))
    if overlap_weight is not None:
        metrics = frame_metrics(frames, basis, overlap_weight, device)
    return [
        DensityFrame(
            build_graph([(frames.symbols, frames.positions[k])], model.elements, model.config.cutoff).to(device),
            torch.as_tensor(frames.coefficients[k]).to(device),
            torch.as_tensor(frames.dipole[k : k + 1]).to(device),
            metric,
        )
        for k, metric in zip(range(len(frames)), metrics, strict=False)
    ]


def about(
    dataset: Dataset, training: Training, fingerprint: str, rows: list[dict[str, float]], seconds: float
) -> dict[str, Any]:
    """Return what a network keeps of its training: frames of each length, settings, seconds, the best validation."""
    frames = {str(length): len(found) for length, found in dataset.of("train")}
    settings = training.model_dump(mode="json")
    return {"fingerprint": fingerprint, "frames": frames, "settings": settings, "seconds": seconds, "best": best(rows)}


def require(frames: Sequence[Any], split: str) -> None:
    """Raise `DataError` when a split has no frames."""
    if not frames:
        raise DataError(f"dataset: no frames in the {split} split; ask for some under frames.{split} of the study")


def digest(*parts: object) -> str:
    """Return a fingerprint of everything a training run depends on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


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
    network = build_density(basis, Network(**description["network"]))
    network.load_state_dict(state)
    return network.requires_grad_(False), basis, free_atoms, description["metadata"]
