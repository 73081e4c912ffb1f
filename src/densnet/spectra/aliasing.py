"""Vibrations too fast for the frames of a trajectory: they would appear, folded, at lower wavenumbers."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sin

NYQUIST = 16678.2
"""fs cm^-1: highest wavenumber that frames tell apart, times the time between them."""
WITH_HYDROGEN = 4000.0
"""cm^-1; hydrogen stretches highest: O-H of free alcohols and of water up to 3760, H-F at 3961."""
WITHOUT_HYDROGEN = 2500.0
"""cm^-1; without it triple bonds do: C-N and C-C up to 2300, nitrogen at 2330."""


def fastest(symbols: Iterable[str]) -> float:
    """Return a wavenumber (cm^-1) that no vibration of a molecule of these elements reaches."""
    return WITH_HYDROGEN if "H" in symbols else WITHOUT_HYDROGEN


def highest(interval: float, timestep: float) -> float:
    """Return the highest true wavenumber (cm^-1) in frames ``interval`` fs apart.

    Velocity Verlet with steps of ``timestep`` fs makes every vibration faster than it is, see
    `densnet.spectra.infrared.spectrum`.
    """
    phase = pi * timestep / (2 * interval)
    return NYQUIST / interval * sin(phase) / phase


def folded(interval: float, timestep: float, symbols: Iterable[str]) -> str:
    """Return in words what frames fold into the spectrum of a molecule of these elements; empty when nothing."""
    if (top := highest(interval, timestep)) >= (limit := fastest(symbols)):
        return ""
    return (
        f"frames {interval:g} fs apart show vibrations above {top:.0f} cm^-1 in the wrong place, and there may be some "
        f"up to {limit:.0f} cm^-1"
    )
