"""The model file that goes out into the world: with the errors on the test frames."""

from __future__ import annotations

from pathlib import Path

from densnet.errors import DataError
from densnet.files import sha256
from densnet.models.store import MODEL, read_archive, write_archive
from densnet.report import evaluation


def pack(model: Path, errors: Path, out: Path) -> None:
    """Write a model with its errors on the test frames in its metadata, under ``evaluation``.

    Parameters
    ----------
    model
        Trained model.
    errors
        Its evaluation (`densnet.report.evaluation.evaluate`).
    out
        File of the model with its errors.

    Raises
    ------
    DataError
        The evaluation is damaged, or that of another model.
    """
    description, state = read_archive(model, MODEL)
    found = evaluation.read(errors)
    if found.get("provenance", {}).get("model") != sha256(model):
        raise DataError(f"{errors}: errors of another model than {model}; run the evaluate rule again")
    test = [row for row in found["errors"] if row["split"] == "test"]
    kept = {"errors": test, "train_lengths": found["train_lengths"], "provenance": found["provenance"]}
    description["metadata"] = description["metadata"] | {"evaluation": kept}
    write_archive(out, MODEL, description, state)
