"""The numbers behind the figure of the spectra as CSV: curves on their grid, and the harmonic modes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from densnet.report.panels import Panel
from densnet.report.tables import write_csv

EVERY = 2.0
"""cm^-1 between the rows of a table of curves."""
DIGITS = 5
"""Digits of the highest point of a chain length; the other points have its last decimal."""


def write_curves(panels: Sequence[Panel], out: Path) -> None:
    """Write the curves of all chain lengths, km/mol per cm^-1; columns of what a chain length has not are empty."""
    write_csv([row for panel in panels for row in _curves(panel)], out)


def _curves(panel: Panel) -> Iterator[dict[str, Any]]:
    curves = {
        "model": panel.mean,
        "standard_error": panel.error,
        "aimd": panel.aimd and panel.aimd["mean"],
        "model_from_starts_of_aimd": panel.twins and panel.twins["mean"],
        "model_harmonic": panel.model and panel.broadened(panel.model),
        "dft_harmonic": panel.dft and panel.broadened(panel.dft),
    }
    known = {f"{name}_km_mol_cm": curve for name, curve in curves.items() if curve is not None}
    highest = max(curve.max() for curve in known.values())
    decimals = DIGITS - 1 - int(np.floor(np.log10(highest))) if highest > 0 else 0
    rounded = {name: np.round(curve, decimals) + 0.0 for name, curve in known.items()}  # no -0
    step = max(round(EVERY / np.diff(panel.grid[:2])[0]), 1)
    for i in range(0, len(panel.grid), step):
        numbers = {name: f"{curve[i]:g}" for name, curve in rounded.items()}
        yield {"length": panel.length, "wavenumber_cm": f"{panel.grid[i]:g}", **numbers}


def write_modes(panels: Sequence[Panel], out: Path) -> None:
    """Write the harmonic modes of all chain lengths, imaginary wavenumbers negative."""
    write_csv(
        [
            {
                "length": panel.length,
                "method": values["method"],
                "wavenumber_cm": f"{wave:.2f}",
                "intensity_km_mol": f"{strength:.3f}",
            }
            for panel in panels
            for values in (panel.model, panel.dft)
            if values is not None
            for wave, strength in zip(values["frequencies"], values["intensities"], strict=True)
        ],
        out,
    )
