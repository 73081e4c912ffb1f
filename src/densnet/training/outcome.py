"""What a training leaves: the network, its history, and where both come from."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from densnet.config import Training
from densnet.dataset import Dataset
from densnet.errors import ModelError
from densnet.models.store import read_archive
from densnet.provenance import provenance
from densnet.training.processes import is_first
from densnet.training.trainer import best, write_history

log = logging.getLogger(__name__)


def keep(
    rows: list[dict[str, float]],
    history: Path,
    checkpoint: Path,
    save: Callable[[dict[str, Any]], None],
    metadata: dict[str, Any],
) -> None:
    """Write the history and then the network, whose file says that all is done; remove the checkpoint.

    Of several processes the first does it.
    """
    if not is_first():
        return
    write_history(history, rows)
    save(metadata)
    checkpoint.unlink(missing_ok=True)
    log.info("trained in %.0f s: %s", metadata["seconds"], rows[-1])


def about(
    dataset: Dataset, training: Training, fingerprint: str, rows: list[dict[str, float]], started: float
) -> dict[str, Any]:
    """Return what a network keeps of its training: frames of each length, settings, seconds, the best validation."""
    frames = {str(length): len(found) for length, found in dataset.of("train")}
    settings = training.model_dump(mode="json")
    seconds = round(time.perf_counter() - started, 1)
    values = {"fingerprint": fingerprint, "frames": frames, "settings": settings, "seconds": seconds}
    return provenance(**values, best=best(rows))


def is_trained(path: Path, kind: str, training: str | None, fingerprint: str) -> bool:
    """Return whether a file is what a training with this fingerprint left; ``training``: its key in the metadata."""
    if not path.is_file():
        return False
    try:
        metadata = read_archive(path, kind)[0]["metadata"]
    except ModelError:
        return False
    done = (metadata.get(training, {}) if training else metadata).get("fingerprint") == fingerprint
    if done:
        log.info("%s: trained before, on the same data and with the same settings", path)
    return done


def digest(*parts: object) -> str:
    """Return a fingerprint of everything a training run depends on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
