"""Whether the labels of a study are enough, and good enough, to train on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from densnet.config import Labels
from densnet.errors import CalculationError, DataError


def check_failures(length: int, labelled: int, failed: Sequence[Path], labels: Labels) -> None:
    """Refuse a chain length of which too large a share of the frames could not be labelled.

    Parameters
    ----------
    length
        Number of monomers.
    labelled
        Number of labelled frames, over all label files.
    failed
        The lists of frames without labels beside the label files.
    labels
        What is still accepted.

    Raises
    ------
    CalculationError
        It names the frames, the first reason and the remedy.
    DataError
        A list that cannot be read.
    """
    failures = [entry for path in failed for entry in _failures(path)]
    total = labelled + len(failures)
    if failures and len(failures) > labels.max_failed_fraction * total:
        listed = ", ".join(entry["frame"] for entry in failures)
        raise CalculationError(
            f"chain length {length}: {len(failures)} of {total} frames failed ({listed}); first reason: "
            f"{failures[0]['error']}. Raise reference.max_cycle, or labels.max_failed_fraction "
            f"(now {labels.max_failed_fraction:g})"
        )


def check_floors(length: int, floors: Mapping[Path, np.ndarray], labels: Labels) -> None:
    """Refuse a chain length with a fitted density too far from DFT.

    Parameters
    ----------
    length
        Number of monomers.
    floors
        ``floor_error`` of the frames of each label file, percent.
    labels
        What is still accepted.

    Raises
    ------
    CalculationError
        It names the frames, their floors and the remedy.
    """
    poor = [
        f"{name} ({errors[index]:.2f} %)"
        for path, errors in floors.items()
        if (errors > labels.max_floor).any()
        for index, name in enumerate(_names(path))
        if errors[index] > labels.max_floor
    ]
    if poor:
        raise CalculationError(
            f"chain length {length}: fitted densities further than labels.max_floor = {labels.max_floor:g} % from DFT: "
            f"{', '.join(poor)}; lower basis.threshold, choose a larger basis, or raise labels.max_floor"
        )


def _failures(path: Path) -> list[dict[str, str]]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a list of failed frames ({error}); delete it and run the label rule") from None


def _names(path: Path) -> list[str]:
    """Return the names of the frames of a label file."""
    with h5py.File(path) as file:
        return list(file["frame"].asstr()[:])
