"""How alike the spectra of one chain length are."""

from __future__ import annotations

from typing import Any

from densnet.report.panels import Panel
from densnet.report.tables import GAS_PHASE, MODES
from densnet.spectra import compare, harmonic
from densnet.spectra.experiment import compare_lines, on_common_lines

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
    curves = {
        "model dynamics": panel.mean,
        "AIMD": panel.aimd and panel.aimd["mean"],
        "DFT harmonic": panel.whole and panel.broadened(panel.whole),
    }
    return on_common_lines(
        {
            name + GAS_PHASE: compare_lines(panel.grid, curve, panel.measured)
            for name, curve in curves.items()
            if curve is not None
        }
    )


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
