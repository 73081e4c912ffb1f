"""Where networks run."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from densnet.errors import ModelError

Device = Literal["auto", "cpu", "gpu"]


def torch_device(asked: Device | str) -> str:
    """Return PyTorch's name of a device; ``auto`` is a GPU where PyTorch has one, ``cuda:1`` and the like are names.

    Raises
    ------
    ModelError
        A GPU is asked for, and PyTorch has none; no device of PyTorch has this name.
    """
    found = torch.cuda.is_available()
    if asked not in get_args(Device):
        return _named(asked, found)
    if asked == "gpu" and not found:
        raise ModelError("device: PyTorch finds no GPU; say auto or cpu, or install a build of PyTorch for GPUs")
    return "cuda" if found and asked != "cpu" else "cpu"


def _named(asked: str, found: bool) -> str:
    try:
        kind = torch.device(asked).type
        if kind != "cuda":
            torch.empty(0, device=asked)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ModelError(f"device: PyTorch has no {asked!r} here; say auto, cpu, gpu or a name that it has") from None
    if kind == "cuda" and not found:
        raise ModelError(f"device: PyTorch finds no GPU for {asked!r}; say auto or cpu")
    return asked
