"""Several trained models as one ASE calculator that knows how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from densnet import observables
from densnet.dynamics.calculator import Array, DenSNetCalculator
from densnet.models.densnet import DenSNet
from densnet.models.ensemble import Ensemble


class EnsembleCalculator(DenSNetCalculator):
    """Means over models trained with different seeds, and standard deviations, as a measure of what they do not know.

    ``results`` also holds ``energy_std`` (eV), ``forces_std`` (A, 3) in eV/Å and ``dipole_std`` (3,) in e Å: the
    standard deviation of each number over the models.

    Parameters
    ----------
    models
        Models, or the files that hold them; at least two, in a list.
    device
        Where the networks run: ``auto``, ``cpu``, ``gpu`` or PyTorch's name; by default where the models are, and on
        the CPU for files.

    Raises
    ------
    ModelError
        As `DenSNetCalculator`; also for fewer than two models, for models of different auxiliary bases and for the same
        model twice.

    Examples
    --------
    >>> atoms.calc = EnsembleCalculator(["one.pt", "two.pt", "three.pt"])  # doctest: +SKIP
    >>> atoms.get_forces(), atoms.calc.results["forces_std"]  # doctest: +SKIP
    """

    deviations: ClassVar[tuple[str, ...]] = ("energy_std", "forces_std", "dipole_std")
    implemented_properties: ClassVar[list[str]] = [*DenSNetCalculator.implemented_properties, *deviations]

    def __init__(self, models: Sequence[str | Path | DenSNet], device: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - ASE's
        models = [models] if isinstance(models, (str, Path, DenSNet)) else models
        loaded = [model if isinstance(model, DenSNet) else DenSNet.load(model) for model in models]
        super().__init__(Ensemble(loaded), device, **kwargs)
        self.members = np.zeros((len(loaded), 0))

    def get_density_std(self, points: ArrayLike, atoms: Atoms | None = None) -> Array:
        """Return the standard deviation of the density over the models, (P,) in e/Å^3, on points (P, 3) in Å."""
        symbols, positions = self._current(atoms)
        each = [
            observables.density_difference(self.model.basis, symbols, positions, coefficients, points)
            for coefficients in self.members
        ]
        return np.std(each, axis=0, ddof=1)

    def _take(self, found: dict[str, np.ndarray]) -> None:
        super()._take(found)
        self.members = found["members"].astype(np.float64)
        self.results |= {
            "energy_std": float(found["energy_std"][0]),
            "forces_std": found["forces_std"].astype(np.float64),
            "dipole_std": found["dipole_std"][0].astype(np.float64),
        }
