"""Trained models that ship with the project: finding the one of a study, and taking it in the place of training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from densnet.config import Study, fingerprint
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.shipped import INDEX, differences, read_index

SUFFIX = ".pt"


def find(study: Study, folder: Path, trained: Path, taken: Path) -> tuple[Path | None, str]:
    """Return the shipped model of a study, if there is one, and a sentence about it for the user.

    Parameters
    ----------
    study
        The study; with ``models.source: compute``, or where it computes its labels, it takes none.
    folder
        Where the models and their index lie.
    trained
        File of the study's own model. Where it is there, the study goes on with it,
    taken
        unless this is there: the shipped one, which it has taken before.
    """
    index, settings = read_index(folder), study.model_settings()
    for name, entry in index.items():
        if entry["fingerprint"] == fingerprint(settings):
            path = folder / f"{name}{SUFFIX}"
            if "compute" in (study.models.source, study.labels.source):
                return None, f"model: trained, as labels or models say compute, although {path} ships"
            if trained.exists() and not taken.exists():
                return None, f"model: the study's own; without {trained}, {path} would be taken"
            return path, f"model: the shipped one, {path}; `--config models=compute` trains another instead"
    if entry := index.get(study.name):
        changed = ", ".join(differences(settings, entry["settings"]))
        return None, f"model: trained, since the shipped one of this name has another {changed}"
    return None, ""


def fetch(path: Path, out: Path) -> None:
    """Copy a shipped model to where a study expects its own; raise `DataError` where it is not that of the index."""
    remedy = f"restore it with `git checkout {path.parent}`, or say models: compute"
    try:
        found = sha256(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {remedy}") from None
    if found != read_index(path.parent).get(path.stem, {}).get("sha256"):
        raise DataError(f"{path}: damaged, or not the model of {INDEX}; {remedy}")
    with atomic(out) as temporary:
        shutil.copyfile(path, temporary)


def register(path: Path, settings: dict[str, Any]) -> None:
    """Put a model that ships into the index of its folder, with the settings that it was trained with."""
    index = read_index(path.parent)
    index[path.stem] = {"sha256": sha256(path), "fingerprint": fingerprint(settings), "settings": settings}
    with atomic(path.parent / INDEX) as temporary:
        temporary.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")
