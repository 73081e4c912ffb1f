"""One training loop for both networks. An interrupted run continues bitwise where it stopped (on a CPU)."""

from __future__ import annotations

import copy
import csv
import logging
import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from densnet.config import Training
from densnet.errors import ModelError
from densnet.files import atomic

log = logging.getLogger(__name__)

WARM_UP = 100
"""Steps of linear warm-up, at most a tenth of all steps."""


class Stage(Protocol):
    """What is trained: a loss over chosen training frames, and errors on the validation frames."""

    size: int
    """Number of training frames."""

    def loss(self, network: nn.Module, frames: Sequence[int]) -> Tensor:
        """Return the loss of some training frames."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return errors on the validation frames; ``score`` decides which weights are kept."""


@dataclass
class Progress:
    """Everything a run needs to continue, besides the stage and the settings."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0
    best: float = math.inf
    best_step: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    MODULES = ("network", "average", "optimiser")
    VALUES = ("step", "best", "best_step", "best_state", "history")

    def state(self) -> dict[str, Any]:
        """Return everything that changes during a run, the random state included."""
        modules = {name: getattr(self, name).state_dict() for name in self.MODULES}
        return modules | {name: getattr(self, name) for name in self.VALUES} | {"random": torch.get_rng_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name in self.MODULES:
            getattr(self, name).load_state_dict(state[name])
        for name in self.VALUES:
            setattr(self, name, state[name])
        torch.set_rng_state(state["random"])


def train(
    network: nn.Module, stage: Stage, settings: Training, seed: int, checkpoint: Path, fingerprint: str, title: str
) -> list[dict[str, float]]:
    """Train a network in place, to the averaged weights with the best validation score.

    Parameters
    ----------
    network
        What is trained; parameters that do not require a gradient stay as they are.
    stage
        Loss and validation.
    settings
        Optimisation.
    seed
        Of the order in which frames are drawn.
    checkpoint
        File that an interrupted run continues from. It is removed by the caller, once the result is safe.
    fingerprint
        Of everything the result depends on; a checkpoint with another one is not used.
    title
        Of the progress bar.

    Returns
    -------
    list of dict
        One row for each validation: step, learning rate, training loss and validation errors.

    Raises
    ------
    ModelError
        The loss became infinite or not a number.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, betas=(0.9, 0.99), amsgrad=True)
    progress = Progress(network, copy.deepcopy(network).requires_grad_(False), optimiser)
    _resume(progress, checkpoint, fingerprint)
    losses: list[float] = []
    with tqdm(total=settings.steps, initial=progress.step, desc=title, unit="step", disable=None) as bar:
        while not _finished(progress, settings):
            losses.append(_step(progress, stage, settings, seed, parameters))
            bar.update()
            if progress.step % settings.validate_every == 0 or progress.step == settings.steps:
                row = _validate(progress, stage, settings, losses)
                bar.set_postfix({name: f"{value:.3g}" for name, value in row.items() if name != "step"})
                losses = []
                _save(progress, checkpoint, fingerprint)
    log.info("%s: best at step %d of %d", title, progress.best_step, progress.step)
    network.load_state_dict(progress.best_state)
    return progress.history


def learning_rate(step: int, settings: Training) -> float:
    """Return the learning rate of a step: linear warm-up, then a cosine down to 1 % of the peak."""
    warm_up = min(WARM_UP, max(1, settings.steps // 10))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    done = (step - warm_up) / max(1, settings.steps - warm_up)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def draw(step: int, batch: int, size: int, seed: int) -> list[int]:
    """Return the frames of a step: consecutive parts of a new random order in each epoch, a function of the step."""
    per_epoch = math.ceil(size / batch)
    epoch, part = divmod(step, per_epoch)
    order = torch.randperm(size, generator=torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63))
    return order[part * batch : (part + 1) * batch].tolist()


def best(history: list[dict[str, float]]) -> dict[str, float]:
    """Return the row of the weights that were kept."""
    return min(history, key=lambda row: row["score"])


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the rows that `train` returned as CSV."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def _finished(progress: Progress, settings: Training) -> bool:
    patient = progress.step - progress.best_step < settings.patience * settings.validate_every
    return progress.step >= settings.steps or not patient


def _step(progress: Progress, stage: Stage, settings: Training, seed: int, parameters: list[nn.Parameter]) -> float:
    for group in progress.optimiser.param_groups:
        group["lr"] = learning_rate(progress.step, settings)
    progress.optimiser.zero_grad()
    loss = stage.loss(progress.network, draw(progress.step, settings.batch, stage.size, seed))
    loss.backward()
    norm = nn.utils.clip_grad_norm_(parameters, settings.clip)
    if not math.isfinite(value := float(loss.detach()) + 0 * float(norm)):
        raise ModelError(f"training diverged at step {progress.step}: lower its learning_rate or clip in the study")
    progress.optimiser.step()
    progress.step += 1
    # A young average would remember the random start; its decay grows with the steps it has seen.
    decay = min(settings.ema, (1 + progress.step) / (10 + progress.step))
    with torch.no_grad():
        for averaged, current in zip(progress.average.parameters(), progress.network.parameters(), strict=True):
            averaged.lerp_(current, 1 - decay)
    return value


def _validate(progress: Progress, stage: Stage, settings: Training, losses: list[float]) -> dict[str, float]:
    errors = stage.validate(progress.average)
    mean = sum(losses) / max(1, len(losses))
    rate = learning_rate(progress.step - 1, settings)
    row = {"step": progress.step, "learning_rate": rate, "loss": mean, **errors}
    progress.history.append(row)
    if not math.isfinite(errors["score"]):
        raise ModelError(f"training diverged before step {progress.step}: lower its learning_rate in the study")
    if errors["score"] < progress.best:
        progress.best, progress.best_step = errors["score"], progress.step
        progress.best_state = copy.deepcopy(progress.average.state_dict())
    return row


def _save(progress: Progress, checkpoint: Path, fingerprint: str) -> None:
    with atomic(checkpoint) as temporary:
        torch.save({"fingerprint": fingerprint, **progress.state()}, temporary)


def _resume(progress: Progress, checkpoint: Path, fingerprint: str) -> None:
    if not checkpoint.exists():
        return
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        found = state["fingerprint"]
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError):
        log.warning("%s: unreadable checkpoint; training starts anew", checkpoint)
        return
    if found != fingerprint:
        log.warning("%s: checkpoint of other settings or data; training starts anew", checkpoint)
        return
    progress.restore(state)
    log.info("training continues at step %d", progress.step)
