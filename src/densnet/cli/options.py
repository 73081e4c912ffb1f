"""What the commands share: options, and files of structures."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from densnet.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms


def command(commands: argparse._SubParsersAction, name: str, run: object, text: str) -> argparse.ArgumentParser:
    """Add a command and return its parser."""
    added = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    added.set_defaults(run=run)
    return added


def positive(text: str) -> float:
    """Return an option's value, a finite number above zero."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def whole(least: int) -> Callable[[str], int]:
    """Return the reader of an option's value, an integer from ``least`` up."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return value

    return number


def output(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """Give a command its option of the file to write."""
    command.add_argument("-o", "--out", type=Path, default=default, required=default is None, help="file to write")


def read_frames(path: Path) -> list[Atoms]:
    """Return every structure of a file ASE reads; raise `DataError` when there is none."""
    import ase.io

    try:
        frames = ase.io.read(path, index=":")
    except Exception as error:  # each of ASE's readers raises what it likes
        reason = "no such file" if not path.exists() else f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: not readable as structures ({reason})") from None
    if not frames:
        raise DataError(f"{path}: holds no structure")
    return frames


def one_thread() -> None:
    """Keep PyTorch to one thread: on one small molecule more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
