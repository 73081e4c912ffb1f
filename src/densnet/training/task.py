"""What every training is told, and what it leaves: the network, its history, and where both come from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densnet.basis import AuxiliaryBasis
from densnet.config import Training
from densnet.dataset import Dataset
from densnet.errors import DataError, ModelError
from densnet.files import sha256
from densnet.models.store import read_archive
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.training.processes import is_first
from densnet.training.trainer import best, write_history

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One training, apart from the settings of networks and optimisation.

    Attributes
    ----------
    dataset
        Dataset of the study.
    seed
        Of the initial weights, the order of the frames and whatever else is drawn.
    out
        File of what is trained. Beside it a checkpoint lies while training runs.
    history
        CSV file of the loss curves.
    device
        ``cpu`` or ``cuda``.
    train_frames
        How many of the training frames to learn from (see `Dataset.learning_from`); by default all.
    """

    dataset: Path
    seed: int
    out: Path
    history: Path
    device: str = "cpu"
    train_frames: int | Mapping[int, int] | None = None

    @property
    def checkpoint(self) -> Path:
        """File that an interrupted training continues from."""
        return self.out.with_suffix(".checkpoint")

    def open(self) -> Dataset:
        """Return the frames to learn from."""
        return Dataset.open(self.dataset).learning_from(self.train_frames)

    def check(self, path: Path, basis: AuxiliaryBasis, free_atoms: FreeAtoms, dataset: Dataset) -> None:
        """Raise `DataError` where a network trained before has another basis or prior than the frames."""
        if basis.shells != dataset.basis.shells or free_atoms != dataset.free_atoms:
            raise DataError(
                f"{path}: trained with another auxiliary basis or prior than {self.dataset} has; train it again"
            )

    def fingerprint(self, *parts: object) -> str:
        """Return the hash of everything the result depends on, ``parts`` being the settings and other files."""
        every = (*parts, self.seed, sha256(self.dataset), self.train_frames)
        return hashlib.sha256("\n".join(map(str, every)).encode()).hexdigest()[:16]

    def is_done(self, kind: str, training: str | None, fingerprint: str) -> bool:
        """Return whether the file is what a training with this fingerprint left; ``training``: its key in it."""
        if not self.out.is_file():
            return False
        try:
            metadata = read_archive(self.out, kind)[0]["metadata"]
        except ModelError:
            return False
        done = (metadata.get(training, {}) if training else metadata).get("fingerprint") == fingerprint
        if done:
            log.info("%s: trained before, on the same data and with the same settings", self.out)
        return done

    def keep(
        self,
        rows: list[dict[str, float]],
        dataset: Dataset,
        training: Training,
        fingerprint: str,
        seconds: float,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Write the history and then the network, whose file says that all is done; remove the checkpoint.

        Of several processes the first does it. ``save`` gets what the network keeps of its training: frames of each
        length, settings, the seconds it took, the best validation.
        """
        if not is_first():
            return
        about = {
            "fingerprint": fingerprint,
            "frames": {str(length): len(found) for length, found in dataset.of("train")},
            "settings": training.model_dump(mode="json"),
            "seconds": round(seconds, 1),
            "best": best(rows),
        }
        write_history(self.history, rows)
        save(provenance(**about))
        self.checkpoint.unlink(missing_ok=True)
        log.info("trained in %.0f s: %s", seconds, rows[-1])
