"""How the process keeps the memory of its arrays."""

from __future__ import annotations

import ctypes
import logging
from functools import cache

log = logging.getLogger(__name__)

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's ``mallopt``."""
KEPT = {MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**30, TOP_PAD: 2**26}
"""Bytes: arrays above 32 MiB (the most glibc allows) still have pages of their own; 1 GiB of freed memory is kept."""


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep what is freed for the next arrays, and return whether it does.

    A compiled model fills and frees the same arrays of a few MB each at every step. By default glibc gives them back to
    the system, which hands them out again one zeroed page at a time: thousands of page faults, a fifth of the time of
    a step of twelve thiophene rings. Other C libraries have no such call and are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl; Windows
        return False
    kept = all(mallopt(parameter, size) for parameter, size in KEPT.items())
    log.debug("freed memory is %s", "kept" if kept else "given back")
    return kept
