"""Variants of a study side by side: a table of their errors, and learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.ticker import NullFormatter

from densnet.files import atomic
from densnet.report import evaluation, style
from densnet.report.figures import plain
from densnet.report.tables import MISSING, markdown, write_csv

Evaluations = Mapping[str, dict[str, Any]]
"""What `densnet.report.evaluation.evaluate` found, by the name of the variant."""

STUDY = "as is"
"""The study itself in a list of its variants, none of which can have this name."""

COLUMNS = (
    ("density_percent", "density %", ".3f", "density error / %"),
    ("dipole_mae_debye", "dipole D", ".4f", "dipole MAE / D"),
    ("energy_mae_mev", "energy meV", ".1f", "energy MAE / meV"),
    ("force_mae_mev_angstrom", "force meV/Å", ".1f", "force MAE / meV Å$^{-1}$"),
)
"""The four errors: key, title of the column, format, label of the axis."""


def read_all(study: str | Path, names: Sequence[str], paths: Sequence[str | Path]) -> Evaluations:
    """Return the evaluations of a study and of its variants; raise `DataError` when one is missing or damaged."""
    variants = zip(names, paths, strict=True)
    return {STUDY: evaluation.read(study)} | {name: evaluation.read(path) for name, path in variants}


def rows(evaluations: Evaluations) -> list[dict[str, Any]]:
    """Return the four errors of each variant and chain length on the test frames, and what training took."""
    found = []
    for name, one in evaluations.items():
        training = one["training"]
        for errors in (row for row in one["errors"] if row["split"] == "test"):
            values = errors | {"density_percent": errors["density"]["model"]}
            found.append(
                {
                    "variant": name,
                    "length": errors["length"],
                    "train_frames": sum(training["frames"].values()),
                    "floor_percent": errors["density"]["floor"],
                    **{key: values[key] for key, *_ in COLUMNS},
                    "training_seconds": training["seconds"],
                }
            )
    return found


def variants_table(evaluations: Evaluations, molecule: str = "molecule") -> str:
    """Return the table of the variants, Markdown, with a line that says what the columns are."""
    every = rows(evaluations)
    called = style.names((row["length"] for row in every), molecule)
    header = ["variant", "molecule", "training frames", "floor %", *(title for _, title, *_ in COLUMNS), "training s"]
    cells = [
        [
            row["variant"], called[row["length"]], str(row["train_frames"]), _cell(row["floor_percent"], ".3f"),
            *(_cell(row[key], form) for key, _, form, _ in COLUMNS), _cell(row["training_seconds"], ".0f"),
        ]
        for row in every
    ]  # fmt: skip
    return markdown(header, cells) + "\n" + EXPLANATION


EXPLANATION = (
    "Mean absolute errors on the test frames against DFT. Density: integrated absolute difference in percent of the "
    "electrons, of the fitted labels (floor) and of the model. Energy of a whole molecule. Training: of both networks, "
    "all trainings together.\n"
)


def write_variants(evaluations: Evaluations, out: Path, molecule: str = "molecule") -> None:
    """Write the table of the variants as Markdown, and the same numbers beside it as CSV."""
    with atomic(out) as temporary:
        temporary.write_text(variants_table(evaluations, molecule))
    write_csv(rows(evaluations), out.with_suffix(".csv"))


def learning_figure(evaluations: Evaluations, out: Path, molecule: str = "molecule") -> None:
    """Draw the four errors against the number of training frames, one line for each chain length."""
    every = sorted(rows(evaluations), key=lambda row: row["train_frames"])
    lengths = sorted({row["length"] for row in every})
    called = style.names(lengths, molecule)
    with style.figure(out, 1, len(COLUMNS), height=2.2) as (figure, axes):
        for axis, (key, _, _, label) in zip(axes[0], COLUMNS, strict=True):
            for length in lengths:
                known = [row for row in every if row["length"] == length and row[key] is not None]
                frames, errors = ([row[column] for row in known] for column in ("train_frames", key))
                axis.plot(frames, errors, "o-", label=called[length])
            axis.set(xlabel="training frames", ylabel=label, xscale="log", yscale="log")
            plain(axis)
            axis.set_xticks(sorted({row["train_frames"] for row in every}))
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(lengths))


def _cell(value: float | None, form: str) -> str:
    return MISSING if value is None else format(value, form)
