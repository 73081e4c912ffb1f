"""Reference sets that ship with the project: finding the one of a study, adding one, and the table of all."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from densnet.config import Study, fingerprint
from densnet.errors import DataError
from densnet.files import atomic, sha256

log = logging.getLogger(__name__)

INDEX = "index.json"
SUFFIX = ".zarr.zip"


def find(study: Study, folder: Path) -> tuple[Path | None, str]:
    """Return the shipped set of a study, if there is one, and a sentence about it for the user.

    Parameters
    ----------
    study
        The study.
    folder
        Where the sets and their index lie.

    Returns
    -------
    path
        The set, or None where labels have to be computed.
    message
        Why; empty where no set has the study's name.

    Raises
    ------
    DataError
        An index that cannot be read.
    """
    entry = read_index(folder).get(study.name)
    if entry is None:
        return None, ""
    path, wanted = folder / f"{study.name}{SUFFIX}", study.data_settings()
    if study.labels.source == "compute":
        return None, f"labels: compute; the shipped set {path} is left aside"
    if entry["fingerprint"] == fingerprint(wanted):
        return path, f"labels: the shipped set {path}; `labels: compute` would compute them"
    changed = [name for name in wanted if wanted[name] != entry["settings"].get(name)]
    return None, f"labels are computed: the shipped set {path} was made with another {', '.join(changed)}"


def fetch(path: Path, out: Path) -> None:
    """Copy a shipped set to where a study expects its labels; raise `DataError` when it is not the one in the index."""
    entry = read_index(path.parent).get(path.name.removesuffix(SUFFIX), {})
    try:
        found = sha256(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; restore it with `git checkout {path}`, or {COMPUTE}") from None
    if found != entry.get("sha256"):
        raise DataError(f"{path}: damaged, or not the set of {INDEX}; `git checkout {path.parent}`, or {COMPUTE}")
    with atomic(out) as temporary:
        shutil.copyfile(path, temporary)


COMPUTE = "say `labels: compute`"


def add(dataset: Path, folder: Path) -> None:
    """Put a dataset among the shipped sets: the file, its entry in the index, and the table of all.

    Raises
    ------
    DataError
        A dataset that is damaged, or does not say which study it is of.
    """
    from densnet.dataset import Dataset
    from densnet.report.labels import aimd_share

    opened = Dataset.open(dataset)
    try:
        name, settings = opened.meta["name"], opened.meta["study"]
    except KeyError as error:
        raise DataError(f"{dataset}: does not say its {error}; run the gather rule again") from None
    frames = [*opened.frames.values()]
    aimd = sum(len(found) * aimd_share(found, opened) for found in frames) / sum(map(len, frames))
    path = folder / f"{name}{SUFFIX}"
    with atomic(path) as temporary:
        shutil.copyfile(dataset, temporary)
    index = read_index(folder)
    index[name] = {
        "sha256": sha256(path),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "fingerprint": fingerprint(settings),
        "frames": counts(opened),
        "aimd": aimd,
        "settings": settings,
        "versions": opened.meta["provenance"]["versions"],
        "created": opened.meta["provenance"]["created"],
    }
    with atomic(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(table(folder))


def read_index(folder: Path) -> dict[str, Any]:
    """Return what is known about each shipped set, by study; raise `DataError` when the index is damaged."""
    try:
        return json.loads((folder / INDEX).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / INDEX}: not an index ({error}); restore it with `git checkout {folder}`") from None


def counts(dataset: Any) -> dict[str, dict[str, int]]:  # noqa: ANN401 - a Dataset, imported late
    """Return the number of frames by split and chain length."""
    from densnet.dataset import SPLITS

    return {split: {str(length): len(frames) for length, frames in dataset.of(split)} for split in SPLITS}


def table(folder: Path) -> str:
    """Return the table of the shipped sets, Markdown."""
    from densnet.report.tables import markdown

    header = ["set", "level", "train", "validation", "test", "from AIMD %", "MB", "settings", "sha256", "versions"]
    rows = [
        [
            f"`{name}{SUFFIX}`", _level(entry["settings"]["reference"]),
            *(_split(entry["frames"][split]) for split in ("train", "validation", "test")),
            f"{100 * entry['aimd']:.0f}", f"{entry['megabytes']:.1f}", f"`{entry['fingerprint']}`",
            f"`{entry['sha256'][:16]}`", _versions(entry["versions"]),
        ]
        for name, entry in sorted(read_index(folder).items())
    ]  # fmt: skip
    return f"# Reference sets\n\n{markdown(header, rows)}\n{EXPLANATION}"


EXPLANATION = (
    "Made by the studies of the same names (`workflow/studies`) with `snakemake ship`. Frames as length:frames, or one "
    "number for a single molecule. Settings: fingerprint of everything that decides what the frames are; a study that "
    "has the same takes the set instead of computing it. Frames that are not from AIMD were sampled with GFN2-xTB and "
    "labelled like the others. `densnet export FILE -o frames.extxyz` writes a set for other programs.\n"
)


def _level(reference: dict[str, Any]) -> str:
    dispersion = f"-{reference['dispersion'].upper()}" if reference["dispersion"] else ""
    return f"{reference['xc']}{dispersion}/{reference['basis']}"


def _split(frames: dict[str, int]) -> str:
    if set(frames) == {"1"}:
        return str(frames["1"])
    return ", ".join(f"{length}:{count}" for length, count in frames.items())


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in ("pyscf", "dftd4", "tblite", "ase") if name in versions)
