r"""How far two densities are apart, from their coefficients.

:math:`(c - c')^T (J + w S) (c - c')` with the Coulomb integrals J and the overlaps S of all functions of a frame is the
distance of the densities themselves. Restricted to the functions of one atom it costs nothing, but it also counts
coefficients of neighbouring atoms whose functions nearly cancel, which no density notices.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from densnet.basis import AuxiliaryBasis
from densnet.errors import ConfigError
from densnet.frames import FrameSet
from densnet.models.density import DensityNetwork
from densnet.models.graph import Graph
from densnet.training.processes import count
from densnet.training.whitening import ElementStatistics

STEADY = 1e-12
"""Added to the diagonal of a metric, relative to it, so that it has a root."""


class Metric(Protocol):
    """Squared length of a difference of coefficients, relative to what the training frames differ from their mean."""

    def __call__(self, graph: Graph, difference: Tensor, frames: Sequence[Tensor]) -> Tensor:
        """Return the relative squared length of every frame, shape (n_frames,).

        Parameters
        ----------
        graph
            Structures.
        difference
            Difference of the coefficients of all of them, (functions,).
        frames
            Of each structure its root from `frame_metrics`.
        """


class OnSiteMetric(nn.Module):
    """Each atom by itself, in the metric that the statistics were made with."""

    def __init__(self, network: DensityNetwork, found: dict[str, ElementStatistics]) -> None:
        super().__init__()
        self.layout = network.layout
        chosen = [found[symbol] for symbol in network.elements]
        self.register_buffer("variances", torch.tensor([one.variance for one in chosen], dtype=torch.float64))
        for element, one in enumerate(chosen):
            self.register_buffer(f"root_{element}", torch.as_tensor(one.root))

    def forward(self, graph: Graph, difference: Tensor, frames: Sequence[Tensor] = ()) -> Tensor:
        """Return the relative squared length (see `Metric`)."""
        squares = difference.new_zeros(len(graph.species))
        for element, atoms, index in self.layout.present(graph):
            lengths = (difference[index] @ getattr(self, f"root_{element}")).square().sum(-1)
            squares = squares.index_add(0, atoms, lengths)
        return graph.sum_frames(squares) / graph.sum_frames(self.variances[graph.species]).clamp(min=1e-12)


class MolecularMetric:
    """All functions of a frame together.

    Parameters
    ----------
    sets
        Training frames.
    found
        Statistics of the elements.
    metrics
        `frame_metrics` of every training frame, set after set.
    """

    def __init__(
        self,
        sets: list[FrameSet],
        found: dict[str, ElementStatistics],
        metrics: Sequence[Tensor],
    ) -> None:
        remaining, total, atoms = iter(metrics), 0.0, 0
        for frames in sets:
            mean = np.concatenate([found[symbol].mean for symbol in frames.symbols])
            for row, metric in zip(frames.coefficients - mean, remaining, strict=False):
                total += float(_length(torch.as_tensor(row, device=metric.device), metric))
            atoms += len(frames) * len(frames.symbols)
        self.variance = max(total / max(atoms, 1), 1e-12)

    def __call__(self, graph: Graph, difference: Tensor, frames: Sequence[Tensor]) -> Tensor:
        """Return the relative squared length (see `Metric`)."""
        parts = difference.split([len(metric) for metric in frames])
        lengths = [_length(part, metric) for part, metric in zip(parts, frames, strict=True)]
        return torch.stack(lengths) / (self.variance * torch.bincount(graph.frame, minlength=graph.n_frames))


def frame_metrics(frames: FrameSet, basis: AuxiliaryBasis, overlap_weight: float) -> list[Tensor]:
    """Return the lower Cholesky root of J + w S of every frame, each (functions, functions) in float32.

    The root and not the matrix: in single precision a nearly singular matrix would have negative lengths.
    """
    from densnet.integrals import coulomb_and_overlap

    found = []
    for positions in frames.positions:
        coulomb, overlap = coulomb_and_overlap(frames.symbols, positions, basis)
        metric = coulomb + overlap_weight * overlap
        metric[np.diag_indices_from(metric)] *= 1 + STEADY
        found.append(torch.as_tensor(np.linalg.cholesky(metric), dtype=torch.float32))
    return found


def check_memory(functions: Sequence[tuple[int, int]], device: str = "cpu") -> None:
    """Raise `ConfigError` where the roots of all frames, which every process has, do not fit into memory.

    ``functions``: frames, and functions of each; ``device``: as torch names it.
    """
    needed = sum(frames * 4 * size**2 for frames, size in functions)
    there, where = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // count(), "this machine"
    if device.startswith("cuda") and (own := torch.cuda.get_device_properties(device).total_memory) < there:
        there, where = own, "the GPU"
    if needed > 0.8 * there:
        each = f" for each of {count()} processes" if count() > 1 else ""
        raise ConfigError(
            f"density_training.loss: the metrics of all frames take {needed / 1e9:.0f} GB, {where} has "
            f"{there / 1e9:.0f} GB{each}; say on-site, or train on fewer frames or in a smaller basis"
        )


def _length(difference: Tensor, root: Tensor) -> Tensor:
    return (difference.to(root.dtype) @ root).square().sum()
