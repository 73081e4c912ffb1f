"""Reference sets that ship with the project: finding the one of a study, and taking it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from densnet.acceptance import check_fits
from densnet.config import Labels, Study, fingerprint
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.names import same, smiles_in, smiles_of

INDEX = "index.json"
SUFFIX = ".zarr.zip"
DATASET = f"dataset{SUFFIX}"
"""What a study calls its own set."""


def find(study: Study, folder: Path, results: Path) -> tuple[Path | None, str]:
    """Return the shipped set of a study, if there is one, and a sentence about it for the user.

    Parameters
    ----------
    study
        The study.
    folder
        Where the sets and their index lie.
    results
        Where studies leave their results. Labels that the study has computed there are kept.

    Returns
    -------
    path
        The set, or None where labels have to be computed.
    message
        Why; empty where no set concerns the study.

    Raises
    ------
    DataError
        An index that cannot be read.
    """
    index, settings = read_index(folder), study.data_settings()
    for name, entry in index.items():
        if entry["fingerprint"] == fingerprint(settings):
            path, home = folder / f"{name}{SUFFIX}", results / study.name
            if study.labels.source == "compute":
                return None, f"labels are computed (labels.source: compute), although {path} has them"
            if missing := {*study.labels.keep_densities} - {"test", *entry.get("densities", ())}:
                lacks = " and ".join(sorted(missing))
                return None, f"labels are computed: {path} has no densities of {lacks} frames (labels.keep_densities)"
            if (home / "fits").exists() and (home / DATASET).exists():  # both: begun is not computed
                return None, f"labels: those computed before; without {home / 'fits'}, {path} would be taken"
            return path, f"labels: the shipped set {path}; `--config labels=compute` computes them instead"
    return None, _nearest(study, index)


def _nearest(study: Study, index: dict[str, Any]) -> str:
    """Return in what the set nearest to a study differs from it; empty where none has its name or its molecule."""
    settings, molecule = study.data_settings(), smiles_of(study.molecule.name, study.molecule.smiles)
    found = {
        name: list(differences(settings, entry["settings"]))
        for name, entry in index.items()
        if name == study.name or same(smiles_in(entry["settings"]["molecule"]), molecule)
    }
    if not found:
        return ""
    name = study.name if study.name in found else min(found, key=lambda name: len(found[name]))
    whose = "of this name" if name == study.name else f"of this molecule, '{name}',"
    hint = "; for another training alone, give a variant that seed" if found[name] == ["seed"] else ""
    changed = ", ".join(found[name])
    return f"labels are computed, from the sampling on: the shipped set {whose} has another {changed}{hint}"


def differences(ours: Any, theirs: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - settings of any depth
    """Yield the keys in which two sets of settings differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {**ours, **theirs}:
            yield from differences(ours.get(name), theirs.get(name), f"{key}.{name}".lstrip("."))
    elif ours != theirs:
        yield key


def fetch(path: Path, out: Path, labels: Labels) -> None:
    """Copy a shipped set to where a study expects its labels.

    Raises
    ------
    CalculationError
        A fit in it is poorer than the study accepts.
    DataError
        It is not the file of the index.
    """
    entry = read_index(path.parent).get(path.name.removesuffix(SUFFIX), {})
    remedy = f"restore it with `git checkout {path.parent}`, or say labels: compute"
    try:
        found = sha256(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {remedy}") from None
    if found != entry.get("sha256"):
        raise DataError(f"{path}: damaged, or not the set of {INDEX}; {remedy}")
    for length, frames in Dataset.open(path).frames.items():
        check_fits(length, frames, labels)
    with atomic(out) as temporary:
        shutil.copyfile(path, temporary)


def read_index(folder: Path) -> dict[str, Any]:
    """Return what is known about each shipped set, by study; raise `DataError` when the index is damaged."""
    remedy = f"restore it with `git checkout {folder}`"
    try:
        index = json.loads((folder / INDEX).read_text())
        known = {name: entry["sha256"] and entry["fingerprint"] for name, entry in index.items()}
        damaged = [name for name, key in known.items() if key != fingerprint(index[name]["settings"])]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / INDEX}: not an index ({type(error).__name__}: {error}); {remedy}") from None
    if damaged:
        raise DataError(
            f"{folder / INDEX}: settings of {', '.join(damaged)} are not those of its fingerprint; {remedy}"
        )
    return index
