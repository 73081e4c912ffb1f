"""Whether the labels of a study are enough, and good enough, to train on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from densnet.config import Labels
from densnet.errors import CalculationError, DataError

if TYPE_CHECKING:
    from densnet.frames import FrameSet


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


def check_fits(length: int, frames: FrameSet, labels: Labels) -> None:
    """Refuse a chain length with a frame whose fitted density is not what a label must be.

    Parameters
    ----------
    length
        Number of monomers.
    frames
        Its labelled frames.
    labels
        What is still accepted.

    Raises
    ------
    CalculationError
        It names the frames, the limit and the remedy.
    """
    for values, limit, words in (
        (frames.floor_error, labels.max_floor, FLOOR),
        (frames.condition, labels.max_condition, CONDITION),
        (np.abs(frames.charge_error), MAX_CHARGE_ERROR, CHARGE),
        (frames.dipole_error, MAX_DIPOLE_ERROR, DIPOLE),
    ):
        # Not a number is no label either.
        poor = [f"{frames.names[k]} ({values[k]:.3g})" for k in np.flatnonzero(~(values <= limit))]
        if poor:
            raise CalculationError(f"chain length {length}: {words.format(limit)}: {', '.join(poor)}")


MAX_CHARGE_ERROR = 1e-8
"""Electrons; the fit has the charge as a constraint, so more is a mistake and no matter of taste."""
MAX_DIPOLE_ERROR = 1e-6
"""Debye; as with the charge."""
FLOOR = (
    "fitted densities further than labels.max_floor = {:g} % of their electrons from DFT (lower basis.threshold, "
    "choose a larger basis, or raise labels.max_floor)"
)
CONDITION = (
    "metrics with a condition number above labels.max_condition = {:g} (raise basis.threshold or basis.beta, or raise "
    "labels.max_condition)"
)
CHARGE = "fitted charges off by more than {:g} electrons (choose a better conditioned basis)"
DIPOLE = "fitted dipoles off by more than {:g} D (choose a better conditioned basis)"


def _failures(path: Path) -> list[dict[str, str]]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a list of failed frames ({error}); delete it and run the label rule") from None
