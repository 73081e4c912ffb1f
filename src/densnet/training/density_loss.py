"""How wrong a predicted density is: its coefficients in a metric, and its dipole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from typing import Any

import numpy as np
import torch
from ase.units import Debye
from torch import Tensor

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityLoss
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.frames import FrameSet
from densnet.models.density import DensityNetwork, Expansion, dipole_moments, frame_dipoles
from densnet.models.graph import Graph, build_graph, collate
from densnet.training.batches import electrons
from densnet.training.metric import Metric, MolecularMetric, OnSiteMetric, check_memory, frame_metrics
from densnet.training.whitening import statistics

SMALLEST = 1e-12
"""Added to a squared length before its root is taken, which has no derivative at zero."""


@dataclass(frozen=True)
class DensityFrame:
    """One frame: structure, target coefficients (functions,), dipole (1, 3) in e Angstrom, metric of its functions.

    The metric is empty where the loss knows none but that of atoms, and so is the polar tensor (atoms, 3, 3), e, where
    there is none.
    """

    graph: Graph
    coefficients: Tensor
    dipole: Tensor
    metric: Tensor
    polar: Tensor

    def to(self, device: str) -> DensityFrame:
        """Return the frame on another device."""
        return DensityFrame(*(getattr(self, field.name).to(device) for field in fields(self)))


class DensityStage:
    """Loss and validation of the density network (see `densnet.training.trainer.Stage`), however densities compare.

    Parameters
    ----------
    train, validation
        Frames; each has a ``graph`` and a ``dipole`` (1, 3) in e Angstrom.
    moments
        Of `densnet.models.density.dipole_moments`, for each element.
    elements
        Their symbols.
    dipole_weight
        Weight of the error of the dipole beside that of the density.
    """

    column = "density_error"
    """What the error of the density is called in the history."""

    def __init__(
        self,
        train: list[Any],
        validation: list[Any],
        moments: list[Tensor],
        elements: Sequence[str],
        dipole_weight: float,
    ) -> None:
        self.train, self.validation, self.moments = train, validation, moments
        self.electrons = electrons([frame.graph for frame in train], elements)
        self.dipole_weight = dipole_weight
        squares = torch.cat([frame.dipole for frame in train]).square().sum(-1)
        self.typical_dipole = float(squares.mean().clamp(min=1e-4).sqrt())

    def density_errors(self, graph: Graph, frames: Sequence[Any], expansion: Expansion) -> Tensor:
        """Return the error of the density of each of some frames (n_frames,), whose graphs ``graph`` joins."""
        raise NotImplementedError

    def loss(self, network: DensityNetwork, frames: Sequence[int], progress: float = 0.0) -> Tensor:
        """Return the mean over frames of the errors of density and dipole.

        Lengths and not their squares: what counts in the end is the integrated absolute error of the density.
        """
        chosen = [self.train[index] for index in frames]
        graph = collate([frame.graph for frame in chosen])
        return self.score(*self.errors(network, graph, chosen, network.expand(graph)))

    @torch.no_grad()
    def validate(self, network: DensityNetwork) -> dict[str, float]:
        """Return the score, the error of the density and the mean error of the dipole in Debye."""
        found = [self.errors(network, one.graph, [one], network.expand(one.graph)) for one in self.validation]
        density, dipole = (torch.cat(parts) for parts in zip(*found, strict=True))
        return {"score": float(self.score(density, dipole)), **self.summary(density, dipole)}

    def summary(self, density: Tensor, dipole: Tensor) -> dict[str, float]:
        """Return the mean errors of frames by their names in the history."""
        return {self.column: float(density.mean()), "dipole_mae_debye": float(dipole.mean()) / Debye}

    def score(self, density: Tensor, dipole: Tensor) -> Tensor:
        """Return the mean of the errors of frames, dipoles relative to the typical one and with their weight."""
        return density.mean() + self.dipole_weight * dipole.mean() / self.typical_dipole

    def errors(
        self, network: DensityNetwork, graph: Graph, frames: Sequence[Any], expansion: Expansion
    ) -> tuple[Tensor, Tensor]:
        """Return the error of the density and that of the dipole (e Angstrom), of each frame."""
        dipole = frame_dipoles(network, self.moments, graph, expansion)
        dipole = (dipole - torch.cat([frame.dipole for frame in frames])).square().sum(-1)
        return self.density_errors(graph, frames, expansion), (dipole + SMALLEST).sqrt()


class CoefficientStage(DensityStage):
    """Densities compare by their coefficients: the length of the difference in a metric, relative to what varies."""

    def __init__(
        self,
        train: list[DensityFrame],
        validation: list[DensityFrame],
        moments: list[Tensor],
        elements: Sequence[str],
        dipole_weight: float,
        metric: Metric,
        polar_weight: float = 0.0,
    ) -> None:
        super().__init__(train, validation, moments, elements, dipole_weight)
        self.metric, self.polar_weight = metric, polar_weight
        known = [frame.polar.flatten() for frame in train]
        # What the derivatives of one component of the dipole by the coordinates of one atom amount to.
        self.typical_polar = float((3 * torch.cat(known).square().mean()).sqrt()) if any(map(len, known)) else 1.0

    def loss(self, network: DensityNetwork, frames: Sequence[int], progress: float = 0.0) -> Tensor:
        """Return the mean over frames of the errors of density and dipole, and of polar tensors where there are any."""
        chosen = [self.train[index] for index in frames]
        if not self.knows_polar(chosen):
            return super().loss(network, frames, progress)
        graph = collate([frame.graph for frame in chosen])
        graph = graph.moved(graph.positions.requires_grad_(True))
        expansion = network.expand(graph)
        polar = self.polar(network, graph, frames, expansion, progress)
        return self.score(*self.errors(network, graph, chosen, expansion)) + polar

    def knows_polar(self, frames: Sequence[DensityFrame]) -> bool:
        """Return whether polar tensors count, and one of some frames has one."""
        return bool(self.polar_weight) and any(len(frame.polar) for frame in frames)

    def polar(
        self, network: DensityNetwork, graph: Graph, chosen: Sequence[int], expansion: Expansion, progress: float
    ) -> Tensor:
        """Return the mean over training frames of the relative errors of their polar tensors, with their weight.

        That of a frame is taken in a random direction, and zero where it has no tensor. Positions of the graph need
        gradients.
        """
        frames = [self.train[index] for index in chosen]
        known = torch.tensor([len(frame.polar) > 0 for frame in frames], device=graph.positions.device)
        # A function of the step and its frames, so that a resumed training draws the same.
        random = torch.Generator().manual_seed(round(progress * 2**40) + chosen[0])
        directions = torch.nn.functional.normalize(
            torch.randn(len(frames), 3, dtype=torch.float64, generator=random), dim=1
        )
        directions = directions.to(graph.positions.device) * known[:, None]
        component = (frame_dipoles(network, self.moments, graph, expansion) * directions).sum()
        slopes = torch.autograd.grad(component, graph.positions, create_graph=True)[0]
        targets = [
            frame.polar @ direction if len(frame.polar) else torch.zeros_like(frame.graph.positions)
            for frame, direction in zip(frames, directions, strict=True)
        ]
        squares = graph.sum_frames((slopes - torch.cat(targets)).square().sum(-1)) / torch.bincount(graph.frame)
        return self.polar_weight * (known * (squares + SMALLEST).sqrt()).mean() / self.typical_polar

    def density_errors(self, graph: Graph, frames: Sequence[DensityFrame], expansion: Expansion) -> Tensor:
        """Return the relative length of the error of each frame."""
        difference = expansion.coefficients - torch.cat([frame.coefficients for frame in frames])
        return (self.metric(graph, difference, [frame.metric for frame in frames]) + SMALLEST).sqrt()


def density_stage(
    model: DensityNetwork,
    dataset: Dataset,
    training: DensityLoss,
    device: str,
    reach: float,
) -> CoefficientStage:
    """Return the stage of a network.

    Parameters
    ----------
    model
        Network, on the device.
    dataset
        Dataset of the study.
    training
        What the loss is.
    device
        As torch names it.
    reach
        Cutoff of the graphs, Angstrom.

    Raises
    ------
    DataError
        There are no frames to train on, or none to validate on.
    ConfigError
        The metrics of all frames do not fit into memory.
    """
    chosen = [frames for _, frames in dataset.of("train")]
    weight = None if training.loss == "coefficients" else training.overlap_weight
    whole = weight if training.loss == "metric" else None
    if whole is not None:
        kept = [frames for name in ("train", "validation") for _, frames in dataset.of(name)]
        check_memory([frames.coefficients.shape for frames in kept], device)
    split = {
        name: [one for _, frames in dataset.of(name) for one in _frames(frames, model, dataset.basis, whole, reach)]
        for name in ("train", "validation")
    }
    for name, frames in split.items():
        require(frames, name)
    split = {name: [frame.to(device) for frame in frames] for name, frames in split.items()}
    found = statistics(chosen, dataset.basis, weight)
    metric: Metric = OnSiteMetric(model, found).to(device)
    if whole is not None:
        metric = MolecularMetric(chosen, found, [frame.metric for frame in split["train"]])
    moments = [moment.to(device) for moment in dipole_moments(dataset.basis, model.elements)]
    return CoefficientStage(
        split["train"], split["validation"], moments, model.elements, training.dipole_weight, metric,
        training.polar_weight,
    )  # fmt: skip


def _frames(
    frames: FrameSet, model: DensityNetwork, basis: AuxiliaryBasis, overlap_weight: float | None, reach: float
) -> list[DensityFrame]:
    """Return frames for training, with their metric unless there is no ``overlap_weight``."""
    metrics = repeat(torch.zeros(0, 0))
    if overlap_weight is not None:
        metrics = frame_metrics(frames, basis, overlap_weight)
    return [
        DensityFrame(
            build_graph([(frames.symbols, frames.positions[k])], model.elements, reach),
            torch.as_tensor(frames.coefficients[k]),
            torch.as_tensor(frames.dipole[k : k + 1]),
            metric,
            torch.as_tensor(
                frames.polar_tensor[k] if np.isfinite(frames.polar_tensor[k]).all() else np.zeros((0, 3, 3))
            ),
        )
        for k, metric in zip(range(len(frames)), metrics, strict=False)
    ]


def require(frames: Sequence[Any], split: str) -> None:
    """Raise `DataError` when a split has no frames."""
    if not frames:
        raise DataError(f"dataset: no frames in the {split} split; ask for some under frames.{split} of the study")
