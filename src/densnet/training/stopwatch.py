"""How long a training has taken."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds of a training: those since this was made, and those before an interruption.

    What ran between the last checkpoint and the interruption is not among them: neither is what it did in the network.
    """

    def __init__(self) -> None:
        self.started, self.before = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Seconds until now."""
        return self.before + time.perf_counter() - self.started
