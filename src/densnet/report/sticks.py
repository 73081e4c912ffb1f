"""Figure of one harmonic spectrum: its modes as sticks, and the curve that lines of some width make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from densnet.report import style
from densnet.report.broken import join, shown, windows
from densnet.spectra.lineshapes import broaden

STEP = 0.2
"""cm^-1 between points of the curve."""
NARROWEST = 1.0
"""cm^-1, the narrowest lines that a curve of such points shows as they are."""
BEYOND = 200.0
"""cm^-1 that the curve goes on beyond the highest mode."""
HEADROOM = 1.05
"""The axes end this much above the highest of what they show, which is at 1 where nothing absorbs."""


def harmonic_figure(found: dict[str, Any], out: Path, fwhm: float) -> None:
    """Draw a harmonic spectrum, all its modes but imaginary ones.

    Parameters
    ----------
    found
        Harmonic result (`densnet.spectra.harmonic`).
    out
        Figure, SVG or PNG.
    fwhm
        Full width of the lines at half their maximum, cm^-1; ``NARROWEST`` or more.
    """
    real = found["frequencies"] > 0
    waves, strengths = found["frequencies"][real], found["intensities"][real]
    grid = np.arange(0.0, waves.max(initial=0.0) + BEYOND, STEP)
    curve = broaden(waves, strengths, grid, fwhm)
    marks = np.isin(np.arange(len(grid)), np.rint(waves / STEP))  # an axis leaves out silence, and no weak mode
    parts = windows(grid, [curve, marks])
    widths = [high - low for low, high in parts]
    with style.figure(out, 1, len(parts), height=2.5, sharey="row", width_ratios=widths) as (figure, axes):
        for axis, part in zip(axes[0], parts, strict=True):
            axis.plot(grid[shown(grid, part)], curve[shown(grid, part)], color=style.BLUE)
            modes = (part[0] <= waves) & (waves <= part[1])
            sticks = axis.twinx()
            sticks.vlines(waves[modes], 0, strengths[modes], color=style.RED, linewidth=0.9)
            sticks.set_ylim(0, HEADROOM * (strengths.max(initial=0.0) or 1.0))
            sticks.set_axis_off()
        sticks.set_axis_on()
        sticks.spines["right"].set_visible(True)
        sticks.spines["left"].set_visible(False)
        sticks.set_ylabel("intensity / km mol$^{-1}$", color=style.RED)
        axes[0, 0].set_ylim(0, HEADROOM * (curve.max(initial=0.0) or 1.0))
        axes[0, 0].set_ylabel("absorption / km mol$^{-1}$ per cm$^{-1}$", color=style.BLUE)
        join(axes[0], parts)
        figure.supxlabel(f"wavenumber / cm$^{{-1}}$   (line width {fwhm:g})", fontsize=9)
