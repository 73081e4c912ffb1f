"""What drives a molecule: the one call that dynamics makes at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet

Array = NDArray[np.float64]


class Point(NamedTuple):
    """A molecule's properties at one geometry.

    Attributes
    ----------
    energy
        eV.
    forces
        (A, 3) eV/Å.
    dipole
        (3,) e Å.
    """

    energy: float
    forces: Array
    dipole: Array


class ForceField(Protocol):
    """Anything that turns positions (A, 3) in Å into a `Point`."""

    def __call__(self, positions: Array) -> Point:
        """Return energy, forces and dipole at ``positions``."""
        ...


class ModelField:
    """A trained model as the force field of one molecule.

    Neighbour lists are made anew at every call. For the few hundred atoms of a molecule that takes less than 1 % of a
    step, and the result is a function of the positions alone: a resumed run gives the same bits.

    Parameters
    ----------
    model
        Density and energy networks.
    symbols
        Chemical symbols of the A atoms.
    """

    def __init__(self, model: DenSNet, symbols: list[str]) -> None:
        self.model = model
        self.symbols = list(symbols)

    def __call__(self, positions: Array) -> Point:
        """Return energy, forces and dipole at ``positions``."""
        found = self.model.properties(self.model.graph([(self.symbols, positions)]))
        energy, forces, dipole = (found[name].cpu().numpy() for name in ("energy", "forces", "dipole"))
        return Point(float(energy[0]), forces.astype(np.float64), dipole[0].astype(np.float64))
