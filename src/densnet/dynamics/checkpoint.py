"""What survives a kill: the frames so far and the state to go on from, in pieces that are whole or absent."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densnet.checkpoints import belongs, read_npz, write_npz
from densnet.dynamics.integrator import Point, State

log = logging.getLogger(__name__)

Frames = dict[str, NDArray[Any]]


class Checkpoints:
    """A folder of pieces, each the frames since the one before and the state after them.

    Parameters
    ----------
    folder
        Where the pieces lie; beside the output they belong to.
    fingerprint
        Hash of everything the run depends on. Pieces of another run are removed.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.fingerprint = fingerprint

    def save(self, state: State, rng: np.random.Generator, frames: Frames) -> None:
        """Add a piece."""
        write_npz(
            self.folder / f"{state.step:010d}.npz",
            self.fingerprint,
            rng=json.dumps(rng.bit_generator.state),
            positions=state.positions,
            velocities=state.velocities,
            energy=state.point.energy,
            forces=state.point.forces,
            dipole=state.point.dipole,
            deviation=np.nan if state.point.deviation is None else state.point.deviation,
            **{f"frames_{name}": values for name, values in frames.items()},
        )

    @property
    def last(self) -> int:
        """Step of the last piece; 0 without any."""
        return max((int(piece.stem) for piece in self.folder.glob("[0-9]*.npz")), default=0)

    @property
    def foreign(self) -> bool:
        """Whether there are pieces of another run, or damaged ones, which `load` would remove."""
        first = min(self.folder.glob("[0-9]*.npz"), default=None)
        return first is not None and not belongs(first, self.fingerprint)

    def load(self, rng: np.random.Generator, until: int) -> tuple[State, list[Frames]] | None:
        """Return the last state up to a step and the frames before it, and put ``rng`` where it was.

        None without any; also, after removing all, when one is damaged or belongs to another run.
        """
        frames: list[Frames] = []
        for piece in sorted(self.folder.glob("[0-9]*.npz")):
            if int(piece.stem) > until:
                piece.unlink()
                continue
            last = read_npz(piece, self.fingerprint)
            if last is None:
                log.warning("%s: damaged, or of another run (settings, start or model); starting anew", self.folder)
                self.clear()
                return None
            frames.append({n.removeprefix("frames_"): last[n] for n in last if n.startswith("frames_")})
            step = int(piece.stem)
        if not frames:
            return None
        rng.bit_generator.state = json.loads(str(last["rng"]))
        deviation = None if np.isnan(last["deviation"]) else float(last["deviation"])
        point = Point(float(last["energy"]), last["forces"], last["dipole"], deviation)
        log.info("%s: resuming after step %d", self.folder, step)
        return State(step, last["positions"], last["velocities"], point), frames

    def clear(self) -> None:
        """Remove every piece."""
        shutil.rmtree(self.folder, ignore_errors=True)
