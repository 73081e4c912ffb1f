"""The vibrational density of states of every chain length, beside what of it absorbs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from densnet.report import style
from densnet.report.broken import join, shown, windows
from densnet.spectra import trajectories


def vdos_figure(dynamics: Iterable[str | Path], out: Path, name: str = "molecule") -> None:
    """Draw the vibrational densities of states of a study, one row for each chain length.

    Parameters
    ----------
    dynamics
        Spectra from trajectories (`densnet.spectra.trajectories`), one file for each ``length``.
    out
        Figure, SVG or PNG.
    name
        Of the molecule.
    """
    found = sorted(map(trajectories.read, dynamics), key=lambda values: values["length"])
    called = style.names((values["length"] for values in found), name)
    parts = windows(found[0]["wavenumber"], [values["vibrational_density"]["mean"] for values in found])
    with style.figure(
        out, len(found), len(parts), height=0.7 + 0.8 * len(found), sharex="col", sharey="row",
        width_ratios=[high - low for low, high in parts],
    ) as (figure, axes):  # fmt: skip
        for row, values in zip(axes, found, strict=True):
            for axis, part in zip(row, parts, strict=True):
                _draw(axis, values, shown(values["wavenumber"], part))
            row[0].set_ylabel(called[values["length"]], fontsize=7.5)
            join(row, parts)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        figure.supxlabel(f"wavenumber / cm$^{{-1}}$   (line width {found[0]['fwhm']:.0f})", fontsize=9)


def _draw(axis: Axes, values: dict[str, Any], part: slice) -> None:
    states, absorption = values["vibrational_density"], values["mean"]
    mean, error = states["mean"], states["standard_error"]
    scaled = (absorption * mean.max() / absorption.max())[part]
    top, grid = mean if error is None else mean + error, values["wavenumber"][part]
    label = "vibrational density of states"
    axis.fill_between(grid, 0, mean[part], color=style.GREY, alpha=0.35, linewidth=0, label=label)
    if error is not None:
        lower = np.maximum(mean - error, 0)[part]
        axis.fill_between(grid, lower, top[part], color=style.GREY, alpha=0.6, linewidth=0)
    axis.plot(grid, scaled, color=style.BLUE, linewidth=0.8, label="infrared absorption, scaled to equal height")
    axis.set(yticks=[], ylim=(0, 1.1 * top.max()))
