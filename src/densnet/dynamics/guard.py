"""Stops dynamics that left the domain in which the model means anything."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs
from numpy.typing import NDArray

Array = NDArray[np.float64]

STRETCH = 1.5
"""A bond this many times as long as at the start is broken."""


def bonds(atoms: Atoms) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return both atoms of every bond: the pairs closer than 1.25 times the sum of their covalent radii."""
    radii = np.array(natural_cutoffs(atoms, mult=1.25))
    first, second = np.triu_indices(len(atoms), k=1)
    bonded = atoms.get_all_distances()[first, second] < radii[first] + radii[second]
    return first[bonded], second[bonded]


class Guard:
    """Watches bonds, temperature, finiteness, and the deviation of an ensemble of models.

    Parameters
    ----------
    atoms
        The start, whose `bonds` are watched.
    temperature
        K, what dynamics aims at; by default no temperature is too high.
    freedom
        Degrees of freedom. The temperature of a small system fluctuates by sqrt(2 / freedom) of itself; the limit is
        three times the target plus eight such fluctuations.
    deviation
        eV/Å, the largest deviation of the forces of an ensemble (see `densnet.dynamics.field.Point`); by default none
        is too large.
    """

    def __init__(self, atoms: Atoms, temperature: float = np.inf, freedom: int = 1, deviation: float = np.inf) -> None:
        self.first, self.second = bonds(atoms)
        self.start = np.linalg.norm(atoms.positions[self.first] - atoms.positions[self.second], axis=1)
        self.names = [f"{symbol}{index}" for index, symbol in enumerate(atoms.get_chemical_symbols())]
        self.hottest = temperature * (3 + 8 * np.sqrt(2 / freedom))
        self.deviation = deviation

    def stretch(self, positions: Array) -> Array:
        """Return the length of each bond over its length at the start, for positions (..., A, 3)."""
        bonds = positions[..., self.first, :] - positions[..., self.second, :]
        return np.linalg.norm(bonds, axis=-1) / self.start

    def complaint(
        self, positions: Array, forces: Array, temperature: float = 0.0, deviation: float | None = None
    ) -> str | None:
        """Return what is wrong with a geometry (A, 3) in Å at a kinetic temperature in K, or None."""
        if not (np.isfinite(positions).all() and np.isfinite(forces).all()):
            return "positions or forces are not finite"
        stretch = self.stretch(positions)
        if len(stretch) and stretch.max() > STRETCH:
            worst = int(np.argmax(stretch))
            bond = f"{self.names[self.first[worst]]}-{self.names[self.second[worst]]}"
            return f"bond {bond} is {stretch[worst]:.2f} times as long as at the start"
        if temperature > self.hottest:
            return f"the temperature is {temperature:.0f} K, above the limit of {self.hottest:.0f} K"
        if deviation is not None and deviation > self.deviation:
            return f"the forces of the models deviate by {deviation:.3g} eV/Å, more than {self.deviation:g}"
        return None
