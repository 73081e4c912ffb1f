"""The spectra of a study: from its files to the figure, the measures of likeness and their tables."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from densnet.files import atomic
from densnet.provenance import provenance
from densnet.report.curves import write_curves, write_modes
from densnet.report.likeness import measure
from densnet.report.mirrored import draw
from densnet.report.panels import Panel
from densnet.report.tables import dynamics_table, lines_table, metrics_table, modes_table, peaks_table
from densnet.spectra import harmonic, trajectories
from densnet.spectra.experiment import Lines

log = logging.getLogger(__name__)

Paths = Iterable[str | Path]


def spectra_figure(
    dynamics: Paths,
    model: Paths,
    dft: Paths,
    aimd: Paths,
    out: Path,
    metrics: Path,
    name: str = "molecule",
    monomer: Lines | None = None,
    twins: Paths = (),
) -> dict[str, Any]:
    """Draw the spectra of a study and measure how alike they are.

    Parameters
    ----------
    dynamics
        Spectra from trajectories (`densnet.spectra.trajectories`), one file for each ``length``.
    model, dft
        Harmonic results (`densnet.spectra.harmonic`) of the model and of DFT, one file for each ``length``.
    aimd
        Spectra from ab initio trajectories (`densnet.spectra.aimd`), one file for each ``length``.
    out
        Figure, SVG or PNG; beside it the same figure as PNG.
    metrics
        JSON: chain length, then comparison, then measure. Beside it the same as Markdown tables, with the peaks; as
        CSV, the curves that are drawn; and ``modes.csv``, the harmonic modes behind them.
    name
        Of the molecule, for figure and tables.
    monomer
        What was measured of the single molecule, or of the monomer, in the gas phase.
    twins
        Spectra of the model from where ab initio trajectories start (`densnet.spectra.twins`), likewise.

    Returns
    -------
    dict
        The metrics.
    """
    spectra = _by_length(map(trajectories.read, dynamics))
    others = [_by_length(map(read, paths)) for read, paths in zip(READERS, (model, dft, aimd, twins), strict=True)]
    panels = [
        Panel(values, *(other.get(length) for other in others), measured=monomer if length == 1 else None)
        for length, values in sorted(spectra.items())
    ]
    _warn(panels)
    for path in dict.fromkeys((out, out.with_suffix(".png"))):
        draw(panels, path, name)
    write_curves(panels, metrics.with_suffix(".csv"))
    write_modes(panels, metrics.with_name("modes.csv"))
    measured = {str(panel.length): measure(panel) for panel in panels}
    runs = {str(panel.length): panel.dynamics["replicas"] for panel in panels}
    summary = {"fwhm": panels[0].dynamics["fwhm"], "lengths": measured, "dynamics": runs, "provenance": provenance()}
    if monomer is not None:
        summary["gas_phase"] = asdict(monomer)
    with atomic(metrics) as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n")
    with atomic(metrics.with_suffix(".md")) as temporary:
        temporary.write_text(_tables(panels, measured, name, monomer))
    return measured


def _tables(panels: Sequence[Panel], measured: dict[str, Any], name: str, monomer: Lines | None) -> str:
    tables = (
        f"Lines of {panels[0].dynamics['fwhm']:g} cm⁻¹, full width at half maximum.\n",
        metrics_table(measured, name),
        modes_table(measured, name),
        lines_table(measured["1"], monomer.positions) if monomer is not None and "1" in measured else "",
        peaks_table([panel.dynamics for panel in panels], name),
        dynamics_table(
            [values for panel in panels for values in (panel.dynamics, panel.twins, panel.aimd) if values], name
        ),
    )
    return "\n".join(table for table in tables if table)


READERS = (harmonic.read, harmonic.read, trajectories.read, trajectories.read)
"""Of the files beside the model's trajectories: its own modes, those of DFT, ab initio trajectories and their twins."""


def _by_length(values: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {one["length"]: one for one in values}


def single_figure(dynamics: dict[str, Any], below: dict[str, Any] | None, out: Path) -> None:
    """Draw one spectrum from trajectories, with a harmonic spectrum mirrored below where one is given."""
    panel = Panel(dynamics, below)
    _warn([panel])
    draw([panel], out)


def _warn(panels: Sequence[Panel]) -> None:
    """Log the imaginary modes, which no curve shows."""
    for panel in panels:
        for name, waves in panel.imaginary.items():
            if len(waves):
                method = getattr(panel, name).get("method", name)
                where = f", {panel.length} monomer(s)" if panel.length else ""
                shown = ", ".join(f"{wave:.0f}" for wave in waves)
                log.warning("%s, harmonic%s: imaginary modes (%s cm^-1) are not drawn", method, where, shown)
