"""One training in several processes, on one machine or one for each GPU: each takes a share of every step's frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ignite.distributed as idist
import torch
from torch import nn


def side_by_side(processes: int, device: str, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
    """Call ``work(device, *arguments)`` in several processes at once, which know of each other.

    Parameters
    ----------
    processes
        Their number; one is this process.
    device
        ``cpu``, or ``cuda``: then each process has a GPU of its own.
    work
        A function of a module, with arguments that can be pickled; its result is dropped.
    """
    if processes == 1:
        work(device, *arguments)
        return
    backend = "nccl" if device == "cuda" else "gloo"
    with idist.Parallel(backend=backend, nproc_per_node=processes) as parallel:
        parallel.run(_one_of_them, device, work, *arguments)


def _one_of_them(rank: int, device: str, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
    torch.set_num_threads(1)
    work(f"cuda:{rank}" if device == "cuda" else device, *arguments)


def is_first() -> bool:
    """Return whether this is the process that writes files."""
    return idist.get_rank() == 0


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add up the gradients of all processes, each of which has that of its share of the loss."""
    if idist.get_world_size() == 1:
        return
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])
    flat = idist.all_reduce(flat)
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter).clone()
