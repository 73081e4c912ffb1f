"""Molecules to be turned, moved, reordered and put side by side, with the features that a layer is given of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from ase.build import molecule
from tests import toys
from tests.physics.packed import TURNS, turned
from torch import Tensor

from densnet.models.graph import Graph, build_graph

ELEMENTS, CUTOFF = list(toys.CHARGES), 4.0


def random(*size: int, seed: int) -> Tensor:
    return torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Sample:
    """Atoms at positions (atoms, 3), Angstrom, and packed features (M, atoms, channels) of them."""

    symbols: list[str]
    positions: Tensor
    features: Tensor

    def turned(self, turn: str) -> Sample:
        return replace(self, positions=self.positions @ TURNS[turn].T, features=turned(self.features, turn))

    def moved(self, positions: Tensor, features: Tensor | float = 0.0) -> Sample:
        return replace(self, positions=self.positions + positions, features=self.features + features)

    def ordered(self, order: Tensor) -> Sample:
        symbols = [self.symbols[atom] for atom in order]
        return Sample(symbols, self.positions[order], self.features[:, order])

    def beside(self, other: Sample, distance: float) -> Sample:
        """Return both as one molecule."""
        positions = torch.cat([self.positions, other.positions + torch.tensor([distance, 0.0, 0.0])])
        return Sample(self.symbols + other.symbols, positions, torch.cat([self.features, other.features], 1))


def sample(name: str, max_l: int, channels: int, seed: int) -> Sample:
    """Return a molecule of ASE's, off its minimum, with random features of every atom."""
    atoms = molecule(name)
    atoms.rattle(0.05, seed=seed)
    features = random((max_l + 1) ** 2, len(atoms), channels, seed=seed)
    return Sample(atoms.get_chemical_symbols(), torch.as_tensor(atoms.positions), features)


def batch(samples: Sequence[Sample], dtype: torch.dtype = torch.float64) -> tuple[Graph, Tensor]:
    """Return the graph of several molecules, and their features in the precision of a network."""
    graph = build_graph([(one.symbols, one.positions.numpy()) for one in samples], ELEMENTS, CUTOFF)
    return graph, torch.cat([one.features for one in samples], 1).to(dtype)
