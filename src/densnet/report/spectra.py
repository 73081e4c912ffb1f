"""The figure of the study: spectra of every chain length, dynamics above, harmonic references mirrored below."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from densnet.config import Spectra
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.report import style
from densnet.report.tables import MODES, dynamics_table, metrics_table, modes_table
from densnet.spectra import compare, harmonic, lineshapes, trajectories

Array = NDArray[np.float64]

SILENT = 0.02
"""A region in which no curve reaches this share of its maximum may be left out of the figure ..."""
GAP = 500.0
"""... when it is wider than this, cm^-1."""
LABELLED = 8
"""At most this many peaks of a spectrum carry their position."""


@dataclass(frozen=True)
class Panel:
    """The spectra of one chain length on a common grid and at a common width, km/mol per cm^-1."""

    length: int
    grid: Array
    dynamics: dict[str, Any]
    model: Array | None
    dft: Array | None
    tracked: bool = False
    harmonic: str = "model, harmonic"
    """What ``model`` is called."""


def spectra_figure(
    dynamics: Iterable[str | Path],
    model: Iterable[str | Path],
    dft: Iterable[str | Path],
    settings: Spectra,
    out: Path,
    metrics: Path,
    name: str = "",
) -> dict[str, Any]:
    """Draw the spectra of a study and measure how alike they are.

    Parameters
    ----------
    dynamics
        Spectra from trajectories (`densnet.spectra.trajectories`), one file for each ``length``.
    model, dft
        Harmonic results (`densnet.spectra.harmonic`) of the model and of DFT, one file for each ``length``.
    settings
        Line width and window.
    out
        Figure, SVG or PNG; beside it the same figure as PNG.
    metrics
        JSON: chain length, then comparison, then measure. Beside it the same as a Markdown table.
    name
        Of the molecule, for the figure.

    Returns
    -------
    dict
        The metrics.
    """
    found = {values["length"]: values for values in map(trajectories.read, dynamics)}
    ours = {values["length"]: values for values in map(harmonic.read, model)}
    theirs = {values["length"]: values for values in map(harmonic.read, dft)}
    panels = [_panel(values, ours[length], theirs.get(length), settings) for length, values in sorted(found.items())]
    for path in dict.fromkeys((out, out.with_suffix(".png"))):
        _draw(panels, path, name)
    measured = {str(p.length): _measure(p, ours[p.length], theirs.get(p.length)) for p in panels}
    runs = {str(panel.length): panel.dynamics["replicas"] for panel in panels}
    summary = {"fwhm": settings.fwhm, "lengths": measured, "dynamics": runs, "provenance": provenance()}
    with atomic(metrics) as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    with atomic(metrics.with_suffix(".md")) as temporary:
        temporary.write_text("\n".join(_tables(measured, [panel.dynamics for panel in panels], name or "molecule")))
    return measured


def _tables(measured: dict[str, Any], runs: list[dict[str, Any]], name: str) -> list[str]:
    tables = (metrics_table(measured, name), modes_table(measured, name), dynamics_table(runs, name))
    return [table for table in tables if table]


def single_figure(dynamics: dict[str, Any], below: dict[str, Any] | None, out: Path) -> None:
    """Draw one spectrum from trajectories, with a harmonic spectrum mirrored below where one is given."""
    grid, length = dynamics["wavenumber"], dynamics.get("length", 0)
    if below is None:
        panel = Panel(length, grid, dynamics, None, None)
    else:
        lines = _lines(below, grid, dynamics["fwhm"])
        panel = Panel(length, grid, dynamics, lines, None, harmonic=f"{below.get('method', '')}, harmonic".strip(", "))
    _draw([panel], out, "")


def _lines(values: dict[str, Any], grid: Array, width: float) -> Array:
    real = values["frequencies"] > 0
    return lineshapes.broaden(values["frequencies"][real], values["intensities"][real], grid, width)


def _panel(dynamics: dict[str, Any], model: dict[str, Any], dft: dict[str, Any] | None, settings: Spectra) -> Panel:
    grid, width = dynamics["wavenumber"], settings.fwhm
    tracked = dft is not None and len(dft["frequencies"]) < len(model["frequencies"])
    reference = None if dft is None else _lines(dft, grid, width)
    return Panel(dynamics["length"], grid, dynamics, _lines(model, grid, width), reference, tracked)


def _measure(panel: Panel, model: dict[str, Any], dft: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    mean = panel.dynamics["mean"]
    measured = {"model dynamics / model harmonic": compare.compare(panel.grid, mean, panel.model)}
    if dft is None or panel.dft is None:
        return measured
    measured["model dynamics / DFT harmonic"] = compare.compare(panel.grid, mean, panel.dft)
    # Tracked modes are a part of the spectrum: held against them are the model's modes that were tracked, at the
    # DFT minimum too.
    tracked = dft.get("model")
    ours = model | {name: np.array(values) for name, values in tracked.items()} if tracked else model
    curve = lineshapes.broaden(ours["frequencies"], ours["intensities"], panel.grid, panel.dynamics["fwhm"])
    measured["model harmonic / DFT harmonic"] = compare.compare(panel.grid, curve, panel.dft)
    if "modes" in dft and "modes" in ours:
        masses = Atoms(model["symbols"]).get_masses()
        where = dft["positions"] if tracked else model["positions"]
        matched = compare.compare_modes(
            harmonic.modes_of(ours), where, harmonic.modes_of(dft), dft["positions"], masses
        )
        measured[MODES] = matched | {
            "captured_intensity": dft.get("captured", 1.0),
            "largest_residual_cm": max(dft["residuals"]) if dft.get("residuals") else None,
        }
    return measured


def _draw(panels: list[Panel], path: Path, name: str) -> None:
    windows = _windows(panels)
    spans = [high - low for low, high in windows]
    called = style.names((panel.length for panel in panels), "")  # the title has the name of a single molecule
    with style.figure(
        path, len(panels), len(windows), height=0.6 + 1.9 * len(panels), width_ratios=spans, sharex="col", sharey="row"
    ) as (figure, axes):
        for row, panel in zip(axes, panels, strict=True):
            top = _limit(panel)
            for axis, window in zip(row, windows, strict=True):
                _curves(axis, panel, window, top)
            _facts(row[0], panel, called[panel.length])
            _join(row)
        handles = {line.get_label(): line for axis in axes[:, 0] for line in axis.get_legend_handles_labels()[0]}
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=len(handles))
        figure.supxlabel("wavenumber / cm$^{-1}$", fontsize=9)
        figure.supylabel("absorption / km mol$^{-1}$ per cm$^{-1}$", fontsize=9)
        axes[0, 0].set_title(f"{name}   line width {panels[0].dynamics['fwhm']:.0f} cm$^{{-1}}$".strip(), loc="left")


def _windows(panels: list[Panel]) -> list[tuple[float, float]]:
    """Return the parts of the axis that are drawn: all of it, or both sides of its widest silent region."""
    grid = panels[0].grid
    curves = [c for p in panels for c in (p.dynamics["mean"], p.model, p.dft) if c is not None]
    loud = np.flatnonzero(np.any([curve > SILENT * curve.max() for curve in curves], axis=0))
    if len(loud) < 2:
        return [(grid[0], grid[-1])]
    widest = int(np.argmax(np.diff(loud)))
    low, high = grid[loud[widest]], grid[loud[widest + 1]]
    if high - low < GAP:
        return [(grid[0], grid[-1])]
    return [(grid[0], low + 60), (high - 60, min(grid[-1], grid[loud[-1]] + 60))]


def _limit(panel: Panel) -> tuple[float, float]:
    below = max((curve.max() for curve in (panel.model, panel.dft) if curve is not None), default=0.0)
    above = (panel.dynamics["mean"] + panel.dynamics["standard_error"]).max()
    return -1.12 * below, 1.32 * above


def _curves(axis: Axes, panel: Panel, window: tuple[float, float], limits: tuple[float, float]) -> None:
    grid, mean, error = panel.grid, panel.dynamics["mean"], panel.dynamics["standard_error"]
    axis.fill_between(grid, np.maximum(mean - error, 0), mean + error, color=style.BLUE, alpha=0.25, linewidth=0)
    axis.plot(grid, mean, color=style.BLUE, label=_band(len(panel.dynamics["replicas"])))
    if panel.dft is not None:
        axis.fill_between(grid, -panel.dft, color=style.RED, alpha=0.2, linewidth=0)
        axis.plot(grid, -panel.dft, color=style.RED, label="DFT, harmonic")
    if panel.model is not None:
        axis.plot(grid, -panel.model, color="black", linewidth=0.8, linestyle=(0, (4, 1.5)), label=panel.harmonic)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set(xlim=window, ylim=limits)
    axis.xaxis.set_major_locator(MultipleLocator(200))
    axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    _label_peaks(axis, grid, mean, error, window)


def _band(replicas: int) -> str:
    """Return what the curve of dynamics and its band are; one replica has no error."""
    return "model, dynamics" + (f" (mean ± standard error, n = {replicas})" if replicas > 1 else "")


def _label_peaks(axis: Axes, grid: Array, curve: Array, error: Array, window: tuple[float, float]) -> None:
    indices = compare.peaks(grid, curve, prominence=0.06)
    for i in sorted(indices, key=lambda index: -curve[index])[:LABELLED]:
        if window[0] < grid[i] < window[1]:
            axis.annotate(
                f"{grid[i]:.0f}", (grid[i], curve[i] + error[i]), xytext=(0, 3), textcoords="offset points",
                fontsize=6.5, rotation=90, ha="center", va="bottom", color=style.BLUE,
            )  # fmt: skip


def _facts(axis: Axes, panel: Panel, name: str) -> None:
    replicas = panel.dynamics["replicas"]
    facts = (
        f"{len(replicas)} × {replicas[0]['picoseconds']:g} ps, {np.mean([r['temperature'] for r in replicas]):.0f} K"
    )
    above, below = f"{name}\n{facts}".strip(), "DFT: tracked modes" if panel.tracked else ""
    axis.text(0.01, 0.97, above, transform=axis.transAxes, va="top", fontsize=7.5)
    axis.text(0.01, 0.03, below, transform=axis.transAxes, va="bottom", fontsize=7.5, color=style.RED)


def _join(row: NDArray[Any]) -> None:
    """Mark that an axis goes on in the panel beside it."""
    slash = {"marker": [(-1, -2), (1, 2)], "markersize": 5, "linestyle": "none", "color": "k", "clip_on": False}
    for left, right in pairwise(row):
        right.spines["left"].set_visible(False)
        right.tick_params(left=False)
        left.plot([1], [0], transform=left.transAxes, **slash)
        right.plot([0], [0], transform=right.transAxes, **slash)
