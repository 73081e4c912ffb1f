"""What drives a molecule: the one call that dynamics makes at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from densnet.dynamics.integrator import Point

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

Array = NDArray[np.float64]


class ForceField(Protocol):
    """Anything that turns positions (A, 3) in Å into a `Point`."""

    def __call__(self, positions: Array) -> Point:
        """Return energy, forces and dipole at ``positions``."""
        ...


def together(field: ForceField | ModelField, positions: Sequence[Array]) -> list[Point]:
    """Return the properties of several geometries of one molecule, by one call where the field can do that."""
    return field.together(positions) if isinstance(field, ModelField) else [field(one) for one in positions]


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
        return self.together([positions])[0]

    def together(self, positions: Sequence[Array]) -> list[Point]:
        """Return energy, forces and dipole of several geometries, computed in one batch."""
        found = self.model.properties(self.model.graph([(self.symbols, one) for one in positions]))
        values = {name: found[name].cpu().numpy().astype(np.float64) for name in ("energy", "forces", "dipole")}
        forces = values["forces"].reshape(len(positions), -1, 3)
        deviations: list[float | None] = [None] * len(positions)
        if "forces_std" in found:
            atoms = found["forces_std"].norm(dim=1).view(len(positions), -1)
            deviations = atoms.amax(1).tolist()
        columns = zip(values["energy"].tolist(), forces, values["dipole"], deviations, strict=True)
        return [Point(*point) for point in columns]
