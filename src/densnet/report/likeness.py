"""How alike the spectra of one chain length are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from densnet.report.panels import Panel
from densnet.report.tables import DFT_MODES, GAS_PHASE, GAS_PHASE_BANDS, MODES
from densnet.spectra import compare, harmonic
from densnet.spectra.assignment import Assigned, assign
from densnet.spectra.experiment import compare_lines, compared, counted, on_common_lines

Array = NDArray[np.float64]

CONFORMER = 0.3
"""Å between two minima, root mean square over atoms, from which they are different conformers."""


def measure(panel: Panel) -> dict[str, dict[str, Any]]:
    """Return the measures of every comparison that a chain length allows, by the name of the comparison.

    Tracked modes are not the whole spectrum of DFT: they are held against the same modes of the model alone.
    """
    found: dict[str, dict[str, Any]] = {}
    if panel.model is not None:
        ours = panel.broadened(panel.model)
        found["model dynamics / model harmonic"] = compare.compare(panel.grid, panel.mean, ours)
    if panel.whole is not None:
        found["model dynamics / DFT harmonic"] = compare.compare(panel.grid, panel.mean, panel.broadened(panel.whole))
    if panel.counterpart is not None:
        found |= _harmonic(panel, panel.counterpart, panel.dft)
    if panel.aimd is not None:
        found["model dynamics / AIMD"] = compare.compare(panel.grid, panel.mean, panel.aimd["mean"])
        if panel.twins is not None:
            found["model from starts of AIMD / AIMD"] = compare.compare(
                panel.grid, panel.twins["mean"], panel.aimd["mean"]
            )
        found["AIMD half / AIMD half"] = compare.compare(panel.grid, *panel.aimd["halves"])
    return found | _measured(panel)


def _measured(panel: Panel) -> dict[str, dict[str, Any]]:
    """Return how far the lines of the gas phase are; beside the model's error that of the functional shows."""
    if panel.measured is None:
        return {}
    every = {
        "model dynamics": panel.mean,
        "AIMD": panel.aimd and panel.aimd["mean"],
        "DFT harmonic": panel.whole and panel.broadened(panel.whole),
    }
    curves = {name: curve for name, curve in every.items() if curve is not None}
    lines = {name: compare_lines(panel.grid, curve, panel.measured.wavenumbers) for name, curve in curves.items()}
    known, bands = compared(panel.grid, panel.measured.wavenumbers), {}
    if modes := sorted(one for one in assign(panel.measured, panel.whole or {}) if one.line in known):
        lines[DFT_MODES] = _of_modes(modes, known) | {"intensities": [one.intensity for one in modes]}
        joined = _joined(panel, modes)
        positions = np.array([one.line for one in joined])
        bands = {name: compare_lines(panel.grid, curves[name], positions) for name in curves if name != "DFT harmonic"}
        bands[DFT_MODES] = _of_modes(joined, positions)
    named = {GAS_PHASE: on_common_lines(lines), GAS_PHASE_BANDS: on_common_lines(bands)}
    return {name + ending: one for ending, found in named.items() for name, one in found.items()}


def _joined(panel: Panel, modes: list[Assigned]) -> list[Assigned]:
    """Return the bands that measured lines make at the line width of the trajectories.

    The wavenumber of a band's mode is the mean of those of the lines less than a line width from its peak, by
    intensity.
    """
    curve = panel.lines([one.line for one in modes], [one.intensity for one in modes])
    bands = []
    for peak in panel.grid[compare.peaks(panel.grid, curve)]:
        inside = [one for one in modes if abs(one.line - peak) < panel.dynamics["fwhm"]]
        if not inside:  # a side lobe of the line shape
            continue
        weights = [one.intensity for one in inside]
        mean = np.average([one.wavenumber for one in inside], weights=weights)
        bands.append(Assigned(float(peak), float(mean), sum(weights)))
    return bands


def _of_modes(modes: list[Assigned], lines: Array) -> dict[str, Any]:
    return counted(np.array([[one.wavenumber, one.line] for one in modes]), lines)


def _harmonic(panel: Panel, ours: dict[str, Any], dft: dict[str, Any]) -> dict[str, dict[str, Any]]:
    curves = panel.broadened(ours), panel.broadened(dft)
    measured = {"model harmonic / DFT harmonic": compare.compare(panel.grid, *curves)}
    if "modes" in dft and "modes" in ours:
        masses = harmonic.masses_of(ours)
        where = (dft if "model" in dft else ours)["positions"]
        matched = compare.compare_modes(
            harmonic.modes_of(ours), where, harmonic.modes_of(dft), dft["positions"], masses
        )
        measured[MODES] = (
            matched
            | {
                "captured_intensity": dft.get("captured", 1.0),
                "largest_residual_cm": max(dft["residuals"]) if dft.get("residuals") else None,
            }
            | _minima(panel)
        )
    return measured


def _minima(panel: Panel) -> dict[str, Any]:
    """Return how far the minima of model and DFT are apart, and how many modes there lead down from them."""
    from densnet.reference.overlap import rmsd

    apart = rmsd(*(one["positions"] for one in (panel.model, panel.dft)), panel.dft["symbols"])
    return {
        "minima_rmsd_angstrom": apart,
        "same_conformer": apart <= CONFORMER,
        "imaginary": {name: len(waves) for name, waves in panel.imaginary.items()},
    }
