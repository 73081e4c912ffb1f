"""The seeds of random streams."""

from __future__ import annotations

import hashlib


def seed(study_seed: int, *parts: object) -> int:
    """Return the seed of one job: a hash of the study's seed and the job's name, never of the order of jobs."""
    text = "/".join(str(part) for part in (study_seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
