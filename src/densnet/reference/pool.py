"""Independent calculations in several processes of one job."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import Any

from densnet.errors import CalculationError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Function = Callable[[Any], Any]
_function: Function


def computed(function: Function, items: list[Any], processes: int) -> Iterator[Any]:
    """Yield the results of a function, in the order of its arguments.

    Parameters
    ----------
    function
        Can be pickled; what it keeps lives as long as its process, of which each has a copy.
    items
        Its arguments.
    processes
        How many results are computed at the same time, each by one thread; with one, in this process.

    Raises
    ------
    CalculationError
        A process was killed; whatever else the function raises.
    """
    if min(processes, len(items)) < 2:
        yield from map(function, items)
        return
    with _one_thread_each():
        about = (function, logging.root.level, _log_files())
        pool = ProcessPoolExecutor(min(processes, len(items)), get_context("spawn"), _begin, about)
        try:
            yield from pool.map(_call, items)
        except BrokenProcessPool:
            raise CalculationError(
                f"one of {processes} processes was killed, probably for want of memory; start again with fewer "
                "(harmonic.processes): what is finished is kept"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Give processes that are started meanwhile one thread each, or each would take as many as the job has."""
    kept = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _log_files() -> list[str]:
    return [handler.baseFilename for handler in logging.root.handlers if isinstance(handler, logging.FileHandler)]


def _begin(function: Function, level: int, files: Iterable[str]) -> None:
    """Prepare a process: it logs where its job does, and ends with it, however that ends."""
    global _function
    _function = function
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, format=form, handlers=[logging.FileHandler(path) for path in files] or None)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_the_job, daemon=True).start()


def _end_with_the_job() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _call(item: Any) -> Any:  # noqa: ANN401 - whatever the function takes
    return _function(item)
