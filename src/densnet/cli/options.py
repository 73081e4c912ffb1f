"""What the commands share: options, and files of structures."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from densnet.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("densnet")

MOLECULE = "structure file ASE reads; of several structures the last"
EXTENDED = (".xyz", ".extxyz")
"""Suffixes of extended XYZ."""
CUBE = (".cube", ".cub")
"""Suffixes that viewers know cube files by."""


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


def output(command: argparse.ArgumentParser, default: str | None = None, suffixes: Sequence[str] = ()) -> None:
    """Give a command its option of the file to write, whose name may have to end in one of some suffixes."""
    text = "file to write" + (f", {' or '.join(suffixes)}" if suffixes else "")
    kind = writable(suffixes)
    command.add_argument("-o", "--out", type=kind, default=default, required=default is None, help=text)


def keep_inputs(given: argparse.Namespace, written: Sequence[Path] | None = None) -> None:
    """Raise `DataError` where a file to write, by default that of ``-o``, is one that the command reads."""
    written = [given.out] if written is None and getattr(given, "out", None) else written or []
    for name, values in vars(given).items():
        files = [path for path in (values if isinstance(values, list) else [values]) if isinstance(path, Path)]
        for out in filter(Path.exists, written):
            if name != "out" and any(path.exists() and path.samefile(out) for path in files):
                raise DataError(f"{out}: would be written over what this command reads ({name}); give another -o")


def writable(suffixes: Sequence[str] = ()) -> Callable[[str], Path]:
    """Return the reader of an option's value, the name of a file to write."""

    def name(text: str) -> Path:
        path = Path(text)
        if path.is_dir():
            raise argparse.ArgumentTypeError(f"{text} is a folder; name a file")
        if suffixes and path.suffix not in suffixes:
            raise argparse.ArgumentTypeError(f"{text} ends in '{path.suffix}'; end it in one of {' '.join(suffixes)}")
        return path

    return name


def read_frames(path: Path) -> list[Atoms]:
    """Return every structure of a file ASE reads; raise `DataError` when there is none."""
    import ase.io

    cube = path.suffix.lower() in CUBE
    try:
        frames = ase.io.read(path, index=":", format="cube" if cube else None, do_not_split_by_at_sign=True)
    except Exception as error:  # each of ASE's readers raises what it likes
        reason = "no such file" if not path.exists() else f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: not readable as structures ({reason})") from None
    if not frames:
        raise DataError(f"{path}: holds no structure")
    if any(frame.constraints for frame in frames):
        log.warning("%s: its constraints are left out; every atom moves", path)
    for frame in frames:
        frame.set_constraint()
    if cube:  # the box of its points, which ASE takes for a periodic cell
        for frame in frames:
            frame.pbc = False
    return frames


def read_molecules(path: Path) -> list[Atoms]:
    """Return every structure of a file; raise `DataError` or `ModelError` when one is not served."""
    from densnet.dynamics.admission import admit

    frames = read_frames(path)
    for index, frame in enumerate(frames):
        admit(frame, f"{path}, frame {index}")
    return frames


def read_molecule(path: Path, *, vibrating: bool = False) -> Atoms:
    """Return the last structure of a file; raise `DataError` or `ModelError` when it is not served."""
    from densnet.dynamics.admission import admit

    frames = read_frames(path)
    if len(frames) > 1:
        log.info("%s: the last of %d structures is taken", path, len(frames))
    admit(frames[-1], path, vibrating=vibrating)
    return frames[-1]


def device(command: argparse.ArgumentParser) -> None:
    """Give a command its option of where the networks run."""
    text = "where the networks run; auto: on a GPU where there is one"
    command.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto", help=text)


def one_thread() -> None:
    """Keep PyTorch to one thread: on one small molecule more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)
