"""Files that are either whole or absent."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from densnet.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space, no quota, or a limit on the size of files."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block ends without an error.

    The temporary name keeps the suffix, which writers use to tell formats apart. A process killed inside the block
    leaves the previous file, or none, but never half of one; so does a power cut, because the content is on the disk
    before the name is. What killed processes left of the same file is removed.

    Raises
    ------
    StorageError
        There is no room for the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        with suppress(OSError):  # some file systems cannot flush a folder
            _flush(path.parent)
    except Exception as error:
        if why := _no_room(error):
            raise StorageError(
                f"{path}: {why}; make room there and run the same command again, what was finished before is kept"
            ) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _no_room(error: BaseException | None) -> str:
    """Return how the system says that a disk, a quota or a limit is full; empty when the error is another one.

    Libraries hide it behind errors of their own: behind the one raised, or in the words of HDF5.
    """
    while error is not None:
        if re.search(r"\d+ requested and \d+ written", str(error)):  # NumPy's words for it
            return os.strerror(errno.ENOSPC).lower()
        number = getattr(error, "errno", None) or next(iter(re.findall(r"errno = (\d+)", str(error))), None)
        if number is not None and int(number) in FULL:
            return os.strerror(int(number)).lower()
        error = error.__context__
    return ""


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    """Remove temporary files of a target whose processes are gone."""
    for stale in path.parent.glob(f".[0-9]*.{glob.escape(path.name)}"):
        owner = stale.name[1 : -len(path.name) - 1]
        if owner.isdecimal() and stale.is_file() and not _alive(int(owner)):
            stale.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True
