"""Which harmonic mode a measured line belongs to: both in the order of their wavenumbers, species by species."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from ase import Atoms

from densnet.spectra.experiment import Lines
from densnet.symmetry import symmetric

TOLERANCE = 0.02
"""Å to which a minimum has the symmetry of the molecule that was measured."""
PURE = 0.1
"""How far a character of a mode, which is 1 or -1 in a molecule of exact symmetry, may be from that of its species."""
AXES = "abc"
"""Principal axes of inertia, that of the smallest moment first."""


class Assigned(NamedTuple):
    """A line (cm^-1) with the wavenumber (cm^-1) and the intensity (km/mol) of its mode."""

    line: float
    wavenumber: float
    intensity: float


def assign(lines: Lines, spectrum: dict[str, Any]) -> list[Assigned]:
    """Return every line with its mode.

    Parameters
    ----------
    lines
        What was measured, with the axes along which each species absorbs.
    spectrum
        Harmonic result (`densnet.spectra.harmonic`) with its modes.

    Returns
    -------
    list
        Empty where the two do not fit together: the minimum has another symmetry, such as that of another conformer, a
        species has another number of modes than lines, or atoms have masses of their own.
    """
    if "modes" not in spectrum or "masses" in spectrum or not lines.axes:
        return []
    _, group, turn = symmetric(Atoms(spectrum["symbols"], spectrum["positions"]), TOLERANCE)
    modes = np.asarray(spectrum["modes"]) @ turn
    characters = np.stack([(operation(modes) * modes).sum((1, 2)) for operation in group], axis=1)
    found: list[Assigned] = []
    for species, measured in lines.positions.items():
        translations = np.array([[one.signs[AXES.index(axis)] for one in group] for axis in lines.axes[species]])
        members = np.flatnonzero(np.abs(characters - translations[:, None]).max((0, 2)) < PURE)
        if len(members) != len(measured):
            return []
        descending = members[np.argsort(-np.asarray(spectrum["frequencies"])[members])]
        pairs = zip(measured, descending, strict=True)
        found += [
            Assigned(line, float(spectrum["frequencies"][mode]), float(spectrum["intensities"][mode]))
            for line, mode in pairs
            if line is not None
        ]
    return found
