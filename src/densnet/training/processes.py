"""One training in several processes, on one machine or one for each GPU: each takes a share of every step's frames."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed, multiprocessing, nn

from densnet import errors
from densnet.errors import ConfigError, DensnetError

Value = TypeVar("Value")

PATIENCE = timedelta(hours=4)
"""How long a process waits for another one, which may be validating or differentiating densities."""


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

    Raises
    ------
    ConfigError
        More processes than GPUs.
    DensnetError
        What one of the processes raised, or that one was killed.
    """
    if processes == 1:
        work(device, *arguments)
        return
    if device == "cuda" and processes > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(f"processes: {processes} asked for, each with a GPU, and {found} found; lower it")
    files = [handler.baseFilename for handler in logging.root.handlers if isinstance(handler, logging.FileHandler)]
    with tempfile.TemporaryDirectory() as folder:
        started = (processes, folder, logging.root.level, files, device, work, *arguments)
        try:
            multiprocessing.spawn(_one_of_them, started, nprocs=processes)
        except multiprocessing.ProcessRaisedException:
            if not (told := sorted(Path(folder).glob("error-*"))):
                raise
            kind, _, message = told[0].read_text().partition("\n")
            raise getattr(errors, kind)(message) from None
        except multiprocessing.ProcessExitedException as error:
            raise DensnetError(
                f"one of {processes} processes was killed ({error}), most likely for want of memory; lower processes, "
                "or give the job more memory"
            ) from None


def _one_of_them(
    rank: int, processes: int, folder: str, level: int, files: list[str], device: str, work: Callable[..., None],
    *arguments: Any,  # noqa: ANN401
) -> None:  # fmt: skip
    torch.set_num_threads(1)
    handlers = [logging.StreamHandler(), *(logging.FileHandler(path) for path in files)]
    logging.basicConfig(level=level if rank == 0 else logging.ERROR, format="%(message)s", handlers=handlers)
    if device == "cuda":
        torch.cuda.set_device(rank)
    backend = "nccl" if device == "cuda" else "gloo"
    # A file, not a port: two trainings on one machine cannot meet.
    store = f"file://{folder}/store"
    distributed.init_process_group(backend, store, rank=rank, world_size=processes, timeout=PATIENCE)
    try:
        work(f"cuda:{rank}" if device == "cuda" else device, *arguments)
    except DensnetError as error:
        (Path(folder) / f"error-{rank}").write_text(f"{type(error).__name__}\n{error}")
        raise
    distributed.destroy_process_group()


def rank() -> int:
    """Return the number of this process; the first, 0, writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Return whether this is the process that writes files."""
    return rank() == 0


def wait_for_all() -> None:
    """Return when every process has come here."""
    if count() > 1:
        distributed.barrier()


def from_first(make: Callable[[], Value]) -> Value:
    """Return what the first process makes, in every process: decisions that all have to take alike."""
    if count() == 1:
        return make()
    made = [make() if is_first() else None]
    distributed.broadcast_object_list(made)
    return made[0]


def shared_out(items: Sequence[Any], make: Callable[[Any], Value]) -> list[Value]:
    """Return what ``make`` makes of every item, in their order; each process makes its share and gives it to all.

    What is made has to lie on the CPU: it is pickled, and another process has another GPU.
    """
    mine = [make(item) for item in items[rank() :: count()]]
    if count() == 1:
        return mine
    shares: list[list[Value]] = [[]] * count()
    distributed.all_gather_object(shares, mine)
    return [shares[k % count()][k // count()] for k in range(len(items))]


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Add up the gradients of all processes, each of which has that of its share of the loss."""
    if count() == 1:
        return
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])
    distributed.all_reduce(flat)
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter).clone()
