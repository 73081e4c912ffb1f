"""The trained models that ship with the project: adding one, and the table of all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from densnet.errors import ModelError
from densnet.files import atomic, sha256
from densnet.models.store import MODEL, SUFFIX, read_archive
from densnet.report.evaluation import training_seconds
from densnet.report.style import names
from densnet.report.tables import MISSING, level_name, markdown
from densnet.report.variants import COLUMNS
from densnet.shipped_models import register


def add(model: Path, folder: Path, settings: dict[str, Any], name: str | None = None) -> Path:
    """Put a model among the shipped ones (its file, the index and the table of all) and return its path.

    Parameters
    ----------
    model
        The model, with its errors on the test frames.
    folder
        Where models lie that ship.
    settings
        What it was trained with (`Study.model_settings`).
    name
        Under which it ships; by default that of its frames, which several studies may share.

    Raises
    ------
    ModelError
        A file that is damaged, does not say which study it is of, or lacks its errors on the test frames.
    """
    metadata = read_archive(model, MODEL)[0]["metadata"]
    for key, remedy in (("name", "train it again"), ("evaluation", "ship results/STUDY/model.pt, which has them")):
        if not metadata.get(key):
            raise ModelError(f"{model}: has no {key}; {remedy}")
    path = folder / f"{name or metadata['name']}{SUFFIX}"
    with atomic(path) as temporary:
        shutil.copyfile(model, temporary)
    register(path, settings)
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(f"# Trained models\n\n{table(folder)}\n{EXPLANATION}")
    return path


def table(folder: Path) -> str:
    """Return the table of the shipped models with their errors on the test frames, Markdown."""
    header = ["model", "level", "molecule", "training frames", *(title for _, title, *_ in COLUMNS), "training s", "MB"]
    rows = [row for path in sorted(folder.glob(f"*{SUFFIX}")) for row in _rows(path)]
    return markdown([*header, "sha256"], rows)


def _rows(path: Path) -> Iterator[list[str]]:
    metadata = read_archive(path, MODEL)[0]["metadata"]
    found, frames = metadata["evaluation"]["errors"], metadata["energy_training"]["frames"]
    called = names((row["length"] for row in found), metadata["study"]["molecule"].get("name") or path.stem)
    about = [f"{training_seconds(metadata):.0f}", f"{path.stat().st_size / 1e6:.1f}", f"`{sha256(path)[:16]}`"]
    for index, row in enumerate(found):
        first = [f"`{path.name}`", level_name(metadata["study"]["reference"])]
        errors = [_cell(row, key, form) for key, _, form, _ in COLUMNS]
        trained = str(frames.get(str(row["length"]), MISSING))
        last = [""] * len(about) if index else about
        yield [*(["", ""] if index else first), called[row["length"]], trained, *errors, *last]


def _cell(row: dict[str, Any], key: str, form: str) -> str:
    value = row["density"]["model"] if key == "density_percent" else row[key]
    return MISSING if value is None else format(value, form)


EXPLANATION = """\
Made by the studies of the same names (`workflow/studies`) with `snakemake ship_model --config study=NAME
models=compute`; a study whose settings (`index.json`) are those of a model takes it in the place of training. Whatever
takes a model takes one of these by its name, such as `densnet predict ethanol molecule.xyz -o out.extxyz`; `densnet
info NAME` says what it is. Errors: mean absolute errors on test frames against DFT; density: integrated absolute
difference in percent of the electrons; energy of a whole molecule. Training: seconds of all trainings together.
"""
