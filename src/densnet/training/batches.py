"""Which training frames make a step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from ase.data import atomic_numbers

from densnet.config import Training
from densnet.models.graph import Graph


class Batches:
    """The frames of every step: a function of the seed and the step alone, whatever was asked for before.

    Every epoch is a new random order of all frames, which `cut` makes into steps; where molecules of few frames are
    drawn more often (``balance``), it is as many draws with replacement. With a cap the number of its steps
    depends on the order, so epochs are cut one after the other, from the first to that of the step asked for.

    Parameters
    ----------
    electrons
        Of each training frame.
    settings
        Frames and electrons in a step.
    seed
        Of the orders.
    """

    def __init__(self, electrons: Sequence[int], settings: Training, seed: int) -> None:
        self.electrons, self.settings, self.seed = electrons, settings, seed
        sizes, index, counts = torch.tensor(electrons).unique(return_inverse=True, return_counts=True)
        self.weights = counts[index].double() ** -settings.balance if len(sizes) > 1 and settings.balance else None
        self._open(0, 0)

    def of(self, step: int) -> list[int]:
        """Return the frames of a step."""
        if step < self.first:
            self._open(0, 0)
        while step >= (following := self.first + len(self.steps)):
            self._open(self.epoch + 1, following)
        return self.steps[step - self.first]

    def _open(self, epoch: int, first: int) -> None:
        """Go to an epoch, whose first step is the one given."""
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        number = len(self.electrons)
        if self.weights is None:
            order = torch.randperm(number, generator=generator).tolist()
        else:
            order = torch.multinomial(self.weights, number, replacement=True, generator=generator).tolist()
        self.epoch, self.first = epoch, first
        self.steps = cut(order, self.electrons, self.settings.batch, self.settings.max_electrons or math.inf)


def cut(order: Sequence[int], electrons: Sequence[int], batch: int, largest: float) -> list[list[int]]:
    """Return the steps of an epoch: its frames in their order.

    The next frame begins a new step where the last one has ``batch`` frames, or would have more than ``largest``
    electrons with it. So a frame with more electrons than that is a step by itself.
    """
    steps: list[list[int]] = []
    held = 0
    for frame in order:
        if not steps or len(steps[-1]) == batch or held + electrons[frame] > largest:
            steps.append([])
            held = 0
        steps[-1].append(frame)
        held += electrons[frame]
    return steps


def electrons(graphs: Sequence[Graph], elements: Sequence[str]) -> list[int]:
    """Return the electrons of neutral molecules, given the elements that their species are indices of."""
    numbers = torch.tensor([atomic_numbers[symbol] for symbol in elements])
    return [int(numbers[graph.species.cpu()].sum()) for graph in graphs]
