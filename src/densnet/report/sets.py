"""The reference sets that ship with the project: adding one, and the table of all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from densnet.config import SPLITS, fingerprint
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.report.labels import aimd_share
from densnet.report.tables import level_name, markdown
from densnet.shipped import INDEX, SUFFIX, read_index


def add(dataset: Path, folder: Path) -> Path:
    """Put a dataset among the shipped sets (the file, its entry in the index, the table of all) and return its path.

    Raises
    ------
    DataError
        A dataset that is damaged, or does not say which study it is of.
    """
    opened = Dataset.open(dataset)
    try:
        name, settings = opened.meta["name"], opened.meta["study"]
    except KeyError as error:
        raise DataError(f"{dataset}: does not say its {error}; run the gather rule again") from None
    frames, path = [*opened.frames.values()], folder / f"{name}{SUFFIX}"
    with atomic(path) as temporary:
        shutil.copyfile(dataset, temporary)
    index = read_index(folder)
    index[name] = {
        "sha256": sha256(path),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "fingerprint": fingerprint(settings),
        "frames": counts(opened),
        "densities": [name for name in SPLITS if any(len(found.density_matrix) for _, found in opened.of(name))],
        "aimd": sum(len(found) * aimd_share(found, opened) for found in frames) / sum(map(len, frames)),
        "settings": settings,
        "versions": opened.meta["labels"]["versions"],
        "created": opened.meta["provenance"]["created"],
    }
    with atomic(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(f"# Reference sets\n\n{table(folder)}\n{EXPLANATION}")
    return path


def counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    """Return the number of frames by split and chain length."""
    return {split: {str(length): len(frames) for length, frames in dataset.of(split)} for split in SPLITS}


def table(folder: Path) -> str:
    """Return the table of the shipped sets, Markdown."""
    header = ["set", "level", *SPLITS, "polar tensors", "from AIMD %", "MB", "settings", "sha256", "versions"]
    rows = [
        [
            f"`{name}{SUFFIX}`", level_name(entry["settings"]["reference"]),
            *(_split(entry["frames"][split]) for split in SPLITS), _split(entry["settings"].get("polar_tensors", {})),
            f"{100 * entry['aimd']:.0f}",
            f"{entry['megabytes']:.1f}", f"`{entry['fingerprint']}`", f"`{entry['sha256'][:16]}`",
            _versions(entry["versions"]),
        ]
        for name, entry in sorted(read_index(folder).items())
    ]  # fmt: skip
    return markdown(header, rows)


EXPLANATION = """\
Made by the studies of the same names (`workflow/studies`) with `snakemake ship --config study=NAME labels=compute`.
Frames as length:frames, or one number for a single molecule; polar tensors are of training frames. Settings:
fingerprint of everything that decides what the frames are; a study that has the same takes the set instead of computing
it. Frames that are not from AIMD were sampled with GFN2-xTB and labelled like the others. Runs of AIMD are many and
short (under 0.1 ps, frames 2 or 3 fs apart, see the studies), each from a start that GFN2-xTB has driven apart and
heated. `densnet export FILE -o frames.extxyz` writes a set for other programs.
"""


def _split(frames: dict[str, int]) -> str:
    if set(frames) == {"1"}:
        return str(frames["1"])
    return ", ".join(f"{length}:{count}" for length, count in frames.items()) or "–"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in ("pyscf", "dftd4", "tblite", "ase") if name in versions)
