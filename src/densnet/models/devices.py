"""Where networks run."""

from __future__ import annotations

from typing import Literal

import torch

from densnet.errors import ModelError

Device = Literal["auto", "cpu", "gpu"]


def torch_device(asked: Device) -> str:
    """Return PyTorch's name of a device; ``auto`` is a GPU where PyTorch has one.

    Raises
    ------
    ModelError
        A GPU is asked for, and PyTorch has none.
    """
    found = torch.cuda.is_available()
    if asked == "gpu" and not found:
        raise ModelError("device: PyTorch finds no GPU; say auto or cpu, or install a build of PyTorch for GPUs")
    return "cuda" if found and asked != "cpu" else "cpu"
