"""What drives a molecule: the one call that dynamics makes at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

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
    deviation
        eV/Å, how far the models of an ensemble are apart: the largest standard deviation of the force on an atom (the
        root of the sum over its components). A single model has none.
    """

    energy: float
    forces: Array
    dipole: Array
    deviation: float | None = None


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
        Density and energy networks, or an ensemble of models.
    symbols
        Chemical symbols of the A atoms.
    """

    def __init__(self, model: DenSNet | Ensemble, symbols: list[str]) -> None:
        self.model = model
        self.symbols = list(symbols)

    def __call__(self, positions: Array) -> Point:
        """Return energy, forces and dipole at ``positions``."""
        found = self.model.properties(self.model.graph([(self.symbols, positions)]))
        energy, forces, dipole = (found[name].cpu().numpy() for name in ("energy", "forces", "dipole"))
        deviation = float(found["forces_std"].norm(dim=1).max()) if "forces_std" in found else None
        return Point(float(energy[0]), forces.astype(np.float64), dipole[0].astype(np.float64), deviation)
