"""Spectra of several chain lengths in one figure: dynamics above, harmonic spectra mirrored below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from densnet.report import style
from densnet.report.broken import join, shown, windows
from densnet.report.panels import Panel
from densnet.spectra import compare

Array = NDArray[np.float64]

DIFFERENCE = "model less DFT"
ROW, HEIGHT = 1.9, 9.0
"""Inches: height of a row, and of all rows together; many rows are lower, so that they stay on one page."""
LABEL = 0.38
"""Inches that the label of a peak takes."""
LABELLED = 8
"""At most this many peaks of a spectrum carry their position."""


def draw(panels: Sequence[Panel], path: Path, name: str = "") -> None:
    """Draw one row for each chain length.

    Parameters
    ----------
    panels
        By ascending chain length.
    path
        Output, SVG or PNG.
    name
        Of the molecule.
    """
    parts = windows(panels[0].grid, [curve for panel in panels for curve in (panel.mean, *_below(panel).values())])
    called = style.names((panel.length for panel in panels), name)
    row = min(ROW, HEIGHT / len(panels))
    with style.figure(
        path, len(panels), len(parts), height=0.6 + row * len(panels), sharex="col", sharey="row",
        width_ratios=[high - low for low, high in parts],
    ) as (figure, axes):  # fmt: skip
        for line, panel in zip(axes, panels, strict=True):
            for axis, part in zip(line, parts, strict=True):
                _curves(axis, panel, shown(panel.grid, part))
                _label_peaks(axis, panel, part)
            line[0].set_title(f"{called[panel.length]}   {_facts(panel)}".strip(), loc="left", fontsize=7.5)
            line[0].set_ylim(*_heights(panel, LABEL / row))
            join(line, parts)
        handles = {line.get_label(): line for axis in axes[:, 0] for line in axis.get_legend_handles_labels()[0]}
        title = name if len(panels) > 1 else None
        figure.legend(
            handles.values(), handles.keys(), title=title, loc="outside upper center", ncols=min(len(handles), 3)
        )
        figure.supxlabel(f"wavenumber / cm$^{{-1}}$   (line width {panels[0].dynamics['fwhm']:.0f})", fontsize=9)
        figure.supylabel("absorption / km mol$^{-1}$ per cm$^{-1}$", fontsize=9)


def _below(panel: Panel) -> dict[str, Array]:
    """Return the curves that are mirrored, by the key of their source."""
    return {name: panel.broadened(values) for name in ("model", "dft") if (values := getattr(panel, name)) is not None}


def _curves(axis: Axes, panel: Panel, part: slice) -> None:
    grid, mean = panel.grid[part], panel.mean[part]
    below = {name: curve[part] for name, curve in _below(panel).items()}
    if panel.error is not None:
        lower, upper = np.maximum(mean - panel.error[part], 0), panel.top[part]
        axis.fill_between(grid, lower, upper, color=style.BLUE, alpha=0.25, linewidth=0)
    axis.plot(grid, mean, color=style.BLUE, label=_band(len(panel.dynamics["replicas"])))
    if panel.aimd is not None:
        axis.plot(grid, panel.aimd["mean"][part], color=style.GREEN, linewidth=0.9, label="AIMD")
    if panel.twins is not None:
        twins = panel.twins["mean"][part]
        axis.plot(grid, twins, color=style.BLUE, linewidth=0.8, linestyle=(0, (1, 1)), label="model, starts of AIMD")
    if "dft" in below:
        axis.fill_between(grid, -below["dft"], color=style.RED, alpha=0.2, linewidth=0)
        axis.plot(grid, -below["dft"], color=style.RED, label="DFT, harmonic")
    if "model" in below:
        axis.plot(grid, -below["model"], color="black", linewidth=0.8, linestyle=(0, (4, 1.5)), label=_called(panel))
    if panel.counterpart is not None:
        ours = panel.broadened(panel.counterpart)[part]
        axis.fill_between(grid, -below["dft"], -ours, color="black", alpha=0.25, linewidth=0, label=DIFFERENCE)
    axis.axhline(0, color="black", linewidth=0.6)
    if panel.measured is not None:
        lines = panel.measured.wavenumbers
        axis.plot(
            lines, 0 * lines, "|", color=style.PURPLE, markersize=9, markeredgewidth=1.2, label="gas phase, lines"
        )
    axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")


def _heights(panel: Panel, label: float) -> tuple[float, float]:
    """Return the limits of the axis of absorption, where the label of a peak takes this share of the height."""
    above = [panel.top, *(other["mean"] for other in (panel.aimd, panel.twins) if other is not None)]
    lowest, highest = (
        max((curve.max() for curve in curves), default=0.0) for curves in (_below(panel).values(), above)
    )
    bottom = 1.12 * lowest
    return -bottom, (highest + label * bottom) / (1 - label)


def _band(replicas: int) -> str:
    """Return what the curve of dynamics and its band are; one replica has no error."""
    return "model, dynamics" + (" (mean ± standard error)" if replicas > 1 else "")


def _called(panel: Panel) -> str:
    """Return what the harmonic spectrum of the model is called; a file of one's own may hold any method."""
    method = panel.model.get("method", "DenSNet")
    return f"{'model' if method == 'DenSNet' else method}, harmonic"


def _label_peaks(axis: Axes, panel: Panel, part: tuple[float, float]) -> None:
    grid, curve = panel.grid, panel.mean
    indices = compare.peaks(grid, curve, prominence=0.06)
    for i in sorted(indices, key=lambda index: -curve[index])[:LABELLED]:
        if part[0] < grid[i] < part[1]:
            axis.annotate(
                f"{grid[i]:.0f}", (grid[i], panel.top[i]), xytext=(0, 3), textcoords="offset points",
                fontsize=6.5, rotation=90, ha="center", va="bottom", color=style.BLUE,
            )  # fmt: skip


def _facts(panel: Panel) -> str:
    """Return facts about the trajectories of each kind, and what DFT leaves out."""
    kinds = {"": panel.dynamics, "AIMD: ": panel.aimd}
    facts = [prefix + _run(values["replicas"]) for prefix, values in kinds.items() if values is not None]
    return ";   ".join([*facts, "DFT: tracked modes"] if panel.tracked else facts)


def _run(replicas: list[dict[str, Any]]) -> str:
    """Return number, length, mean temperature and, at constant energy, the largest drift of trajectories."""
    kelvin = np.mean([replica["temperature"] for replica in replicas])
    text = f"{len(replicas)} × {replicas[0]['picoseconds']:g} ps, {kelvin:.0f} K"
    drifts = [abs(drift) for replica in replicas if (drift := replica.get("drift_mev_atom_ps")) is not None]
    return text + (f", drift {max(drifts):.2g} meV/atom/ps" if drifts else "")
