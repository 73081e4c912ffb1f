"""Units of what the files of spectra hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABSORPTION = "km/mol per cm^-1"

HARMONIC = {
    "positions": "Angstrom",
    "masses": "u",
    "frequencies": "cm^-1",
    "intensities": "km/mol",
    "modes": "1, orthonormal in mass-weighted coordinates",
    "energy": "eV",
    "residual_force": "eV/Angstrom",
    "residuals": "cm^-1",
}
"""Of harmonic results, and of the model's modes that are with tracked ones."""

INFRARED = {
    "wavenumber": "cm^-1",
    "mean": ABSORPTION,
    "standard_error": ABSORPTION,
    "halves": ABSORPTION,
    "vibrational_density": "per cm^-1",
    "fwhm": "cm^-1",
    "area": "km/mol",
    "peaks.position": "cm^-1",
    "peaks.height": ABSORPTION,
    "peaks.standard_error": ABSORPTION,
    "starts.positions": "Angstrom",
    "starts.velocities": "Angstrom/fs",
    "replicas.temperature": "K",
    "replicas.hottest": "K",
    "replicas.picoseconds": "ps",
    "replicas.drift_mev_atom_ps": "meV/atom/ps",
    "replicas.largest_stretch": "1, longest bond over that at the start",
}
"""Of spectra from trajectories; after a point, of what is in a list."""


def with_units(values: Mapping[str, Any], units: Mapping[str, str]) -> dict[str, Any]:
    """Return what a file holds, headed by the ``units`` of those names that are there."""
    return {"units": {name: unit for name, unit in units.items() if name.partition(".")[0] in values}, **values}
