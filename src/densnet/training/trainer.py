"""One training loop for both networks. An interrupted run continues bitwise where it stopped (on a CPU)."""

from __future__ import annotations

import copy
import csv
import logging
import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from ignite.engine import Engine, Events
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from densnet.config import Training
from densnet.errors import ModelError
from densnet.files import atomic
from densnet.training.batches import Batches
from densnet.training.processes import count, from_first, is_first, rank, sum_gradients, wait_for_all
from densnet.training.schedules import schedules
from densnet.training.stopwatch import Stopwatch

log = logging.getLogger(__name__)


class Stage(Protocol):
    """What is trained: a loss over chosen training frames, and errors on the validation frames."""

    electrons: Sequence[int]
    """Electrons of each training frame; steps are made of their indices."""

    def loss(self, network: nn.Module, frames: Sequence[int], progress: float) -> Tensor:
        """Return the loss of some training frames; ``progress``: share of the steps that are done."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return errors on the validation frames; ``score`` decides which weights are kept."""


@dataclass
class Record:
    """What a run has seen: its steps, its validations, and the weights of the best of them."""

    step: int = 0
    best: float = math.inf
    best_step: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)


class Run:
    """Everything that changes during a training, and how it changes.

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
    stopwatch
        Of the training; an interrupted one goes on counting.
    """

    def __init__(self, network: nn.Module, stage: Stage, settings: Training, seed: int, stopwatch: Stopwatch) -> None:
        self.network, self.stage, self.settings, self.stopwatch = network, stage, settings, stopwatch
        self.batches = Batches(stage.electrons, settings, seed)
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(self.parameters, lr=settings.learning_rate, betas=(0.9, 0.99), amsgrad=True)
        self.schedule, self.plateau = schedules(self.optimiser, settings)
        self.average = AveragedModel(network, avg_fn=partial(_averaged, settings.ema)).requires_grad_(False)
        self.record = Record()

    def step(self) -> float:
        """Take one step and return the loss of this process's share of the frames."""
        frames = self.batches.of(self.record.step)
        share = frames[rank() :: count()]
        self.optimiser.zero_grad(set_to_none=False)
        value = 0.0
        if share:
            progress = self.record.step / self.settings.steps
            loss = self.stage.loss(self.network, share, progress) * (len(share) / len(frames))
            loss.backward()
            value = float(loss.detach()) * len(frames) / len(share)
        sum_gradients(self.parameters)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.settings.clip)
        if not math.isfinite(value + 0 * float(norm)):
            step = self.record.step
            raise ModelError(f"training diverged at step {step}: lower its learning_rate or clip in the study")
        self.optimiser.step()
        self.rate = self.optimiser.param_groups[0]["lr"]
        self.schedule.step()
        self.average.update_parameters(self.network)
        self.record.step += 1
        return value

    def validate(self, loss: float) -> dict[str, float]:
        """Return the errors of the averaged weights, which are kept where they are the best so far."""
        record, errors = self.record, from_first(lambda: self.stage.validate(self.average.module))
        if not math.isfinite(errors["score"]):
            raise ModelError(f"training diverged before step {record.step}: lower its learning_rate in the study")
        record.history.append({"step": record.step, "learning_rate": self.rate, "loss": loss, **errors})
        if errors["score"] < record.best:
            record.best, record.best_step = errors["score"], record.step
            record.best_state = copy.deepcopy(self.average.module.state_dict())
        if self.plateau:
            self.plateau.step(errors["score"])
        return record.history[-1]

    @property
    def finished(self) -> bool:
        """Whether the budget or the patience is spent."""
        idle = self.record.step - self.record.best_step
        return self.record.step >= self.settings.steps or idle >= self.settings.patience * self.settings.validate_every

    def state(self) -> dict[str, Any]:
        """Return everything that changes, the random state included."""
        return {name: part.state_dict() for name, part in self._parts().items()} | {
            "record": vars(self.record),
            "seconds": self.stopwatch.seconds,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.record = Record(**state["record"])
        self.stopwatch.before = state.get("seconds", 0.0)  # older checkpoints do not say
        torch.set_rng_state(state["random"])

    def _parts(self) -> dict[str, Any]:
        names = ("network", "average", "optimiser", "schedule", "plateau")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def train(
    network: nn.Module,
    stage: Stage,
    settings: Training,
    seed: int,
    checkpoint: Path,
    fingerprint: str,
    title: str,
    stopwatch: Stopwatch,
) -> list[dict[str, float]]:
    """Train a network in place, to the averaged weights with the best validation score.

    Parameters
    ----------
    network, stage, settings, seed, stopwatch
        See `Run`.
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
    run = Run(network, stage, settings, seed, stopwatch)
    _resume(run, checkpoint, fingerprint)
    wait_for_all()  # before one of them can have removed the checkpoint
    if not run.finished:
        _engine(run, checkpoint, fingerprint, title).run(max_epochs=1, epoch_length=settings.steps)
    log.info("%s: best at step %d of %d", title, run.record.best_step, run.record.step)
    network.load_state_dict(run.record.best_state)
    return run.record.history


def _engine(run: Run, checkpoint: Path, fingerprint: str, title: str) -> Engine:
    """Return the loop over the steps that are left: one epoch, with a validation and a checkpoint now and then."""
    steps, every, losses = run.settings.steps, run.settings.validate_every, []
    bar = tqdm(total=steps, initial=run.record.step, desc=title, unit="step", disable=None if is_first() else True)
    engine = Engine(lambda *_: run.step())
    engine.logger.setLevel(logging.CRITICAL)  # it would log an error that is raised, and logged, anyway
    engine.load_state_dict({"iteration": run.record.step, "max_epochs": 1, "epoch_length": steps})

    @engine.on(Events.ITERATION_COMPLETED)
    def count() -> None:
        losses.append(engine.state.output)
        bar.update()

    @engine.on(Events.ITERATION_COMPLETED(event_filter=lambda _, step: step % every == 0 or step == steps))
    def validate() -> None:
        row = run.validate(sum(losses) / len(losses))
        bar.set_postfix({name: f"{value:.3g}" for name, value in row.items() if name != "step"})
        losses.clear()
        if is_first():
            with atomic(checkpoint) as temporary:
                torch.save({"fingerprint": fingerprint, **run.state()}, temporary)
        if run.finished:
            engine.terminate()

    return engine


def _averaged(decay: float, averaged: Tensor, current: Tensor, seen: Tensor) -> Tensor:
    """Return the moving average. A young one would remember the random start: its decay grows with its age."""
    return averaged.lerp(current, 1 - min(decay, (1 + int(seen)) / (10 + int(seen))))


def best(history: list[dict[str, float]]) -> dict[str, float]:
    """Return the row of the weights that were kept."""
    return min(history, key=lambda row: row["score"])


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the rows that `train` returned as CSV."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]))
        writer.writeheader()
        writer.writerows(history)


def _resume(run: Run, checkpoint: Path, fingerprint: str) -> None:
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
    run.restore(state)
    log.info("training continues at step %d", run.record.step)
