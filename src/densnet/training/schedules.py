"""How the learning rate goes: a warm-up, then a cosine, or a plateau that waits for the validations."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch.optim.lr_scheduler import LambdaLR, LinearLR, ReduceLROnPlateau

from densnet.config import Training

WARM_UP = 100
"""Steps of linear warm-up, at most a tenth of all steps."""
LOWEST = 0.01
"""Learning rate at the end of the cosine, relative to its peak."""
PLATEAU = {"factor": 0.5, "patience": 4}
"""The schedule ``plateau`` halves the learning rate after five validations without improvement."""


def schedules(
    optimiser: torch.optim.Optimizer, settings: Training
) -> tuple[torch.optim.lr_scheduler.LRScheduler, ReduceLROnPlateau | None]:
    """Return what sets the learning rate after each step, and after each validation."""
    if settings.schedule == "plateau":
        warm_up = _warm_up(settings)
        return LinearLR(optimiser, 1 / warm_up, total_iters=warm_up), ReduceLROnPlateau(optimiser, **PLATEAU)
    return LambdaLR(optimiser, partial(cosine, settings=settings)), None


def cosine(step: int, settings: Training) -> float:
    """Return the learning rate of a step, relative to its peak: linear warm-up, then a cosine."""
    warm_up = _warm_up(settings)
    if step < warm_up:
        return (step + 1) / warm_up
    done = (step - warm_up) / max(1, settings.steps - warm_up)
    return LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * done))


def _warm_up(settings: Training) -> int:
    return min(WARM_UP, max(1, settings.steps // 10))
