"""Arrays kept for a job that is killed, with a key that says what they belong to."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densnet.files import atomic

log = logging.getLogger(__name__)


def write_npz(path: str | Path, key: str, /, **arrays: ArrayLike) -> None:
    """Write arrays and the fingerprint of everything they depend on, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, key="\n".join([key, *arrays]), **arrays)


def belongs(path: str | Path, key: str, /) -> bool:
    """Return whether a file is whole enough to say that `write_npz` stored it under this key."""
    try:
        with np.load(path) as file:
            return str(file["key"]).split("\n")[0] == key
    except Exception:  # a damaged archive raises whatever the readers of zip and npy files come across
        return False


def read_npz(path: str | Path, key: str, /) -> dict[str, NDArray[Any]] | None:
    """Return the arrays that `write_npz` stored under the same key.

    None when there is no file; also, with a warning, when it is damaged or has another key: nothing that a killed job
    left behind needs to be cleaned up by hand.
    """
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive raises whatever the readers of zip and npy files come across
        log.warning("%s: unreadable checkpoint (%s); starting afresh", path, type(error).__name__)
        return None
    stored, *names = str(arrays.pop("key", "")).split("\n")
    if stored != key:
        log.warning("%s: checkpoint of other settings; starting afresh", path)
        return None
    if names and set(names) != arrays.keys():  # a damaged list of contents; older files do not name theirs
        log.warning("%s: checkpoint with arrays missing; starting afresh", path)
        return None
    return arrays
