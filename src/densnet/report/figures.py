"""Figures of training, basis and errors."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from densnet.errors import DataError
from densnet.report import style
from densnet.report.tables import write_csv

PARITY = (
    ("energy", "energy / meV per atom", "MAE", "meV/atom"),
    ("forces", "force components / eV Å$^{-1}$", "MAE of components", "eV/Å"),
    ("dipole", "dipole components / D", "MAE of components", "D"),
)
CORNER = 4
"""Lines of text that a corner of a parity plot holds without touching its diagonal."""
LENGTHS = (
    ("energy_mae_mev_atom", "energy MAE / meV atom$^{-1}$"),
    ("force_mae_mev_angstrom", "force MAE / meV Å$^{-1}$"),
    ("dipole_mae_debye", "dipole MAE / D"),
)


def training_figure(histories: Mapping[str, Path], out: Path) -> None:
    """Draw losses (above) and validation errors (below) of trainings from their CSV histories, by their titles.

    The histories are written beside the figure as one CSV.
    """
    found = {title: _history(path) for title, path in histories.items()}
    rows = [
        {"training": title, **dict(zip(history, values, strict=True))}
        for title, history in found.items()
        for values in zip(*history.values(), strict=True)
    ]
    write_csv(rows, out.with_suffix(".csv"))
    with style.figure(out, 2, len(found), height=4.2, sharex="col") as (_, axes):
        for column, (title, history) in zip(axes.T, found.items(), strict=True):
            steps = history.pop("step")
            for name, values in history.items():
                if name not in HIDDEN:
                    axis = column[0] if name in LOSSES else column[1]
                    axis.plot(steps, values, label=LABELS.get(name, name.replace("_", " ")))
            column[0].set(title=title, yscale="log")
            column[1].set(xlabel="step", yscale="log")
            for axis in column:
                plain(axis)
                axis.legend()
        axes[0, 0].set_ylabel("loss")
        axes[1, 0].set_ylabel("error on validation frames")


HIDDEN = ("learning_rate", "seconds")
LOSSES = ("loss", "score")
LABELS = {
    "loss": "training",
    "score": "validation",
    "density_error": "density, relative",
    "density_error_percent": "density, %",
    "dipole_mae_debye": "dipole, D",
    "energy_mae_mev_per_atom": "energy, meV/atom",
    "force_mae_mev_per_angstrom": "force, meV/Å",
}
"""Columns of a history in words."""


def _history(path: Path) -> dict[str, np.ndarray]:
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path}: not a training history ({error!r}); train again") from None


def parity_figure(evaluation: dict[str, Any], out: Path, molecule: str = "molecule") -> None:
    """Draw predictions against DFT for energies, forces and dipoles of the test frames, coloured by chain length."""
    called = style.names(map(int, evaluation["parity"]), molecule)
    colors = style.sequence(len(called))
    with style.figure(out, 1, 3, height=2.6) as (figure, axes):
        for axis, (kind, label, error, unit) in zip(axes[0], PARITY, strict=True):
            axis.set_prop_cycle(color=colors)
            _parity(axis, evaluation, kind, (error, unit), called)
            axis.set(xlabel=f"DFT {label}", ylabel="model")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), markerscale=3)


def _parity(axis: Axes, evaluation: dict[str, Any], kind: str, shown: tuple[str, str], called: dict[int, str]) -> None:
    (error, unit), lines, trained = shown, [], set(evaluation["train_lengths"])
    for length, points in evaluation["parity"].items():
        pairs = np.array(points[kind])
        name = called[int(length)]
        label = name if int(length) in trained else f"{name} (not trained on)"
        axis.plot(pairs[:, 0], pairs[:, 1], ".", markersize=3, alpha=0.6, label=label, rasterized=len(pairs) > 500)
        lines.append(f"{name}: {np.abs(pairs[:, 1] - pairs[:, 0]).mean():.3g} {unit}")
    low, high = min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])
    axis.axline((low, low), (high, high), color="black", linewidth=0.6, zorder=0)
    axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    half = len(lines) if len(lines) <= CORNER else (len(lines) + 1) // 2  # both corners away from the diagonal
    text = {"transform": axis.transAxes, "fontsize": 6.5}
    axis.text(0.03, 0.97, "\n".join([error, *lines[:half]]), va="top", **text)
    axis.text(0.97, 0.03, "\n".join(lines[half:]), va="bottom", ha="right", **text)


def lengths_figure(evaluation: dict[str, Any], out: Path, molecule: str = "molecule") -> None:
    """Draw the errors on test frames against chain length; lengths that were not trained on are open."""
    rows = [row for row in evaluation["errors"] if row["split"] == "test"]
    trained = set(evaluation["train_lengths"])
    with style.figure(out, 1, 4, height=2.0) as (_, axes):
        _density_errors(axes[0, 0], rows, trained)
        for axis, (key, label) in zip(axes[0, 1:], LENGTHS, strict=True):
            _errors(axis, rows, [row[key] for row in rows], trained, style.BLUE)
            axis.set(ylabel=label, ylim=(0, 1.2 * max(row[key] for row in rows)))
        for axis in axes[0]:
            axis.set_xlabel("monomers")
            axis.yaxis.label.set_size(8)
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.margins(x=0.12)
            if not any(row["length"] > 1 for row in rows):
                axis.set(xlabel="", xticks=[1], xticklabels=[molecule])


def _density_errors(axis: Axes, rows: list[dict[str, Any]], trained: set[int]) -> None:
    for key, color in (("prior", style.GREY), ("model", style.BLUE), ("floor", style.GREEN)):
        values = [row["density"][key] for row in rows]
        if all(value is not None for value in values):
            _errors(axis, rows, values, trained, color)
            end = (rows[-1]["length"], values[-1])
            axis.annotate(
                key,
                end,
                (5, {"model": 3, "floor": -3}.get(key, 0)),
                textcoords="offset points",
                va="center",
                color=color,
                annotation_clip=False,
            )
    axis.set(ylabel="density error / %", yscale="log")
    axis.margins(y=0.12)
    plain(axis)


def plain(axis: Axes) -> None:
    """Write the ticks of a logarithmic axis as plain numbers, where it spans too little for powers of ten."""
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())


def _errors(axis: Axes, rows: list[dict[str, Any]], values: list[float], trained: set[int], color: str) -> None:
    lengths = [row["length"] for row in rows]
    axis.plot(lengths, values, color=color, linewidth=0.9)
    for length, value in zip(lengths, values, strict=True):
        axis.plot(length, value, "o", color=color, markerfacecolor=color if length in trained else "white")


def floor_figure(values: dict[str, Any], out: Path, molecule: str = "molecule") -> None:
    """Draw the density error that the basis of a study can reach against its size, and the weights of its functions.

    ``values`` is the report of `densnet.reference.natural.make_basis`, as a dataset carries it; bases that are not
    natural have one point and no weights.
    """
    curve, weights = values["curve"], values.get("weights", {})
    chosen = {symbol: _functions(irreps) for symbol, irreps in values["shells"].items()}
    with style.figure(out, 1, 2, height=2.6) as (_, axes):
        _floor(axes[0, 0], curve, chosen, molecule)
        for color, (symbol, by_l) in zip(style.CYCLE, weights.items(), strict=False):
            every = np.sort(np.concatenate([np.asarray(v, float) for v in by_l.values()]))[::-1]
            axes[0, 1].plot(np.arange(1, len(every) + 1), every, ".-", color=color, label=symbol, linewidth=0.8)
        if weights:
            axes[0, 1].set(xlabel="contracted shell", ylabel="relative weight", yscale="log")
            axes[0, 1].xaxis.set_major_locator(MaxNLocator(integer=True))
            axes[0, 1].legend()
        else:
            axes[0, 1].set_axis_off()


def _floor(axis: Axes, curve: list[dict[str, Any]], chosen: dict[str, int], molecule: str) -> None:
    """Draw floor against size for each chain length; the study's basis is filled, the primitives are a square."""
    points = sorted(curve, key=lambda point: sum(point["functions"].values()))
    called = style.names(map(int, points[0]["floor"]), molecule)
    for color, length in zip(style.CYCLE, points[0]["floor"], strict=False):
        errors, sizes = ([point[key][length] for point in points] for key in ("floor", "size"))
        axis.plot(sizes, errors, color=color, linewidth=0.9, label=called[int(length)])
        for point, size, error in zip(points, sizes, errors, strict=True):
            mark, fill = "s" if point["threshold"] is None else "o", color if point["functions"] == chosen else "white"
            axis.plot(size, error, mark, color=color, markerfacecolor=fill)
    axis.set(xlabel="functions of the molecule", ylabel="density error of the fit / %", yscale="log")
    plain(axis)
    axis.legend()


def _functions(irreps: str) -> int:
    """Return the number of functions of irreps such as ``3x0e+2x1o``."""
    parts = (part.split("x") for part in irreps.split("+"))
    return sum(int(multiplicity) * (2 * int(l[:-1]) + 1) for multiplicity, l in parts)
