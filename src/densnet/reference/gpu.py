"""Whether quantum chemistry runs on a GPU, and whether that GPU can be trusted."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import numpy as np

from densnet.errors import CalculationError

log = logging.getLogger(__name__)


def on_gpu(device: str) -> bool:
    """Return whether the mean field runs on a GPU; raise `CalculationError` when one is asked for and missing."""
    found = device != "cpu" and _gpu_found()
    if device == "gpu" and not found:
        raise CalculationError(
            "reference.device is 'gpu', but gpu4pyscf or its GPU is missing; install it or say 'auto'"
        )
    return found


@cache
def _gpu_found() -> bool:
    try:
        import cupy
        import gpu4pyscf  # noqa: F401

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception as error:
        log.debug("no GPU mean field: %s", error)
        return False


def to_numpy(array: Any) -> np.ndarray:  # noqa: ANN401 - numpy or cupy
    """Return an array of the host, whichever device it lives on."""
    return array.get() if hasattr(array, "get") else np.asarray(array)
