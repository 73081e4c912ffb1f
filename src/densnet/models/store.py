"""Model files: one self-contained archive with a version and a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from torch import Tensor

import densnet
from densnet.errors import ConfigError, DataError, ModelError
from densnet.files import atomic

Settings = TypeVar("Settings", bound=BaseModel)

FORMAT = 1
"""Version of the layout of model files. Raise it when a file of the previous layout cannot be read any more."""

MODEL = "DenSNet"
"""Kind of the files of whole models."""
SHIPPED = Path(densnet.__file__).parents[2] / "models"
"""Models that ship with the project; each is known by the name of its file without ``SUFFIX``."""
SUFFIX = ".pt"


def write_archive(path: str | Path, kind: str, description: dict[str, Any], state: dict[str, Tensor]) -> None:
    """Write tensors and a JSON-ready description to one file, whole or not at all."""
    text = json.dumps(description)
    archive = {"format": FORMAT, "kind": kind, "description": text, "state": dict(state)}
    with atomic(path) as temporary:
        torch.save({**archive, "checksum": _checksum(kind, text, state)}, temporary)


def read_archive(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the description and the tensors of a file that `write_archive` wrote.

    Parameters
    ----------
    path
        The file, or the name of a model in ``SHIPPED``.
    kind
        What it has to hold.

    Raises
    ------
    ModelError
        The file is missing, damaged, of another kind or of another version.
    """
    path = _located(Path(path))
    try:
        archive = torch.load(path, map_location="cpu", weights_only=True)
        version, found = archive["format"], archive["kind"]
    except Exception as error:  # torch raises whatever its unpickler and its zip reader come across
        raise ModelError(
            f"{path}: not a model file, or a damaged one ({type(error).__name__}); train or copy it again"
        ) from None
    if version != FORMAT:
        raise ModelError(f"{path}: format {version}; this version reads format {FORMAT}. Train the model again.")
    if found != kind:
        raise ModelError(f"{path}: holds a {found}, a {kind} was asked for")
    text, state = archive["description"], archive["state"]
    if archive["checksum"] != _checksum(kind, text, state):
        raise ModelError(f"{path}: damaged (its checksum does not fit); train or copy it again")
    return json.loads(text), state


@contextmanager
def rebuilding(path: str | Path) -> Iterator[None]:
    """Raise `ModelError` for what building networks raises from an archive that lacks some of what they are made of."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, RuntimeError, ConfigError, DataError) as error:
        raise ModelError(
            f"{path}: does not hold the networks that this version makes of it ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}); train again, or use the version that it was written by"
        ) from None


def settings(path: str | Path, section: type[Settings], values: dict[str, Any]) -> Settings:
    """Return a section of settings from a model file; raise `ModelError` where this version does not take them."""
    try:
        return section(**values)
    except ValidationError as error:
        wrong = ", ".join(str(line["loc"][0]) for line in error.errors())
        raise ModelError(f"{path}: network settings this version does not take ({wrong}); train again") from None


def _located(path: Path) -> Path:
    named = SHIPPED / f"{path}{SUFFIX}"
    for file in (path, named):
        if file.is_file():
            return file
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob(f"*{SUFFIX}"))) or "none"
    raise ModelError(f"{path}: no such model file, and none that ships has this name (there are: {names})")


def _checksum(kind: str, text: str, state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(f"{kind}\n{text}".encode())
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
