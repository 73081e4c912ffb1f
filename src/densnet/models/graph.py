"""Structures as the networks see them: atoms of one or several frames and their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from densnet.errors import ModelError

FAR = 1e3
"""Angstrom, where missing neighbours are put: far beyond any cutoff."""


@dataclass(frozen=True)
class Graph:
    """Atoms of one or several frames with padded neighbour lists.

    Attributes
    ----------
    positions
        (atoms, 3), Angstrom, float64.
    species
        (atoms,), index of each atom in the model's elements.
    frame
        (atoms,), index of the frame of each atom, ascending.
    neighbours
        (atoms, J), indices of the atoms near each atom, padded.
    present
        (atoms, J), False where the list is padded.
    n_frames
        Number of frames.
    near
        A shorter cutoff, Angstrom, and the width of the front of the lists, which holds all neighbours within it; None
        where there is no shorter one.
    memo
        What follows from the species alone, kept by whoever made it while the same atoms move.
    """

    positions: Tensor
    species: Tensor
    frame: Tensor
    neighbours: Tensor
    present: Tensor
    n_frames: int
    near: tuple[float, int] | None = None
    memo: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def edges(self) -> Tensor:
        """Pairs (2, E): the atom that receives and its neighbour."""
        receiver = torch.arange(len(self.species), device=self.species.device)[:, None].expand_as(self.neighbours)
        return torch.stack([receiver[self.present], self.neighbours[self.present]])

    def vectors(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the vectors to the neighbours (atoms, J, 3): differences in float64, then as the networks compute."""
        n, j = self.neighbours.shape
        to = self.positions.index_select(0, self.neighbours.flatten()).view(n, j, 3)
        vectors = to - self.positions[:, None]
        return torch.where(self.present.unsqueeze(-1), vectors, vectors.new_tensor([FAR, 0.0, 0.0])).to(dtype)

    def moved(self, positions: Tensor | np.ndarray) -> Graph:
        """Return the same atoms and neighbours at other positions (as long as nobody crosses the cutoff)."""
        if not isinstance(positions, Tensor):
            positions = torch.as_tensor(positions, dtype=torch.float64, device=self.positions.device)
        return replace(self, positions=positions)

    def padded(self, multiple: int) -> Graph:
        """Return the same graph with lists, and fronts of lists, of widths that are multiples of a number."""
        width = _rounded_up(self.neighbours.shape[1], multiple)
        near = (self.near[0], _rounded_up(self.near[1], multiple)) if self.near else None
        return replace(self, neighbours=_pad(self.neighbours, width), present=_pad(self.present, width), near=near)

    def within(self, cutoff: float) -> Graph:
        """Return the graph for a network of this cutoff, Angstrom: with shorter lists where that loses no neighbour."""
        if self.near is None or cutoff > self.near[0]:
            return self
        width = self.near[1]
        return replace(self, neighbours=self.neighbours[:, :width], present=self.present[:, :width], near=None)

    def to(self, device: str | torch.device) -> Graph:
        """Return the graph on another device."""
        tensors = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors, memo={})

    def sum_frames(self, values: Tensor) -> Tensor:
        """Return the sum over the atoms of each frame, (atoms, ...) to (n_frames, ...)."""
        return values.new_zeros((self.n_frames, *values.shape[1:])).index_add(0, self.frame, values)


def build_graph(
    frames: Sequence[tuple[Sequence[str], np.ndarray]],
    elements: Sequence[str],
    cutoff: float,
    near: float | None = None,
) -> Graph:
    """Return the graph of frames.

    Parameters
    ----------
    frames
        Chemical symbols and positions (atoms, 3) in Angstrom of each frame.
    elements
        Elements the model knows.
    cutoff
        Angstrom.
    near
        A shorter cutoff that some network has, Angstrom (see `Graph.within`).

    Raises
    ------
    ModelError
        A frame has no atoms, or an element that the model does not know.
    """
    if not frames:
        raise ModelError("no structures given: at least one frame is needed")
    near = near if near and near < cutoff else None
    return collate([_single(symbols, positions, tuple(elements), cutoff, near) for symbols, positions in frames])


def collate(graphs: Sequence[Graph]) -> Graph:
    """Return one graph of several; neighbour lists are padded to the longest."""
    width = max(graph.neighbours.shape[1] for graph in graphs)
    starts = np.cumsum([0, *(len(graph.species) for graph in graphs)])
    first_frame = np.cumsum([0, *(graph.n_frames for graph in graphs)])
    neighbours = [_pad(g.neighbours, width) + int(s) for g, s in zip(graphs, starts, strict=False)]
    near = [graph.near for graph in graphs if graph.near]
    return Graph(
        torch.cat([graph.positions for graph in graphs]),
        torch.cat([graph.species for graph in graphs]),
        torch.cat([graph.frame + int(f) for graph, f in zip(graphs, first_frame, strict=False)]),
        torch.cat(neighbours),
        torch.cat([_pad(graph.present, width) for graph in graphs]),
        int(first_frame[-1]),
        (near[0][0], max(width for _, width in near)) if len(near) == len(graphs) else None,
    )


def _rounded_up(width: int, multiple: int) -> int:
    return -(-width // multiple) * multiple


def _pad(lists: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(lists, (0, width - lists.shape[1]))


def species_of(symbols: Sequence[str], elements: Sequence[str]) -> Tensor:
    """Return the index of each atom in the elements; raise `ModelError` where there is another element."""
    if unknown := sorted(set(symbols) - set(elements)):
        raise ModelError(
            f"model knows {' '.join(elements)}; structure has {' '.join(unknown)}: give a structure without these, or "
            "a model trained on them"
        )
    return torch.tensor([elements.index(symbol) for symbol in symbols], dtype=torch.long)


def _single(
    symbols: Sequence[str], positions: np.ndarray, elements: tuple[str, ...], radius: float, near_radius: float | None
) -> Graph:
    if not len(symbols):
        raise ModelError("a structure without atoms; give one that has some")
    positions = torch.as_tensor(np.asarray(positions, dtype=np.float64))
    if positions.shape != (len(symbols), 3) or not torch.isfinite(positions).all():
        raise ModelError(
            f"positions must be {len(symbols)} finite points (atoms, 3), got shape {tuple(positions.shape)}"
        )
    distances = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    counted = [distances < cutoff for cutoff in (radius, near_radius) if cutoff is not None]
    widths = [max(1, int(some.sum(1).max())) for some in counted]
    # A stable descending sort puts the nearest first, then the other neighbours, each in ascending order.
    present, neighbours = torch.stack(counted).sum(0).sort(dim=1, descending=True, stable=True)
    present, neighbours = (_pad(lists, widths[0])[:, : widths[0]] for lists in (present, neighbours))
    frame = torch.zeros(len(symbols), dtype=torch.long)
    near = (near_radius, widths[1]) if near_radius is not None else None
    return Graph(positions, species_of(symbols, elements), frame, neighbours, present.bool(), 1, near)
