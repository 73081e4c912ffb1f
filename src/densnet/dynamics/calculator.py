"""A trained model as an ASE calculator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from densnet import observables
from densnet.basis import AuxiliaryBasis
from densnet.dynamics.admission import admit, require_finite
from densnet.dynamics.origin import warn_beyond_training
from densnet.errors import ModelError
from densnet.models.density import Expansion
from densnet.models.densnet import DenSNet
from densnet.models.devices import torch_device
from densnet.models.ensemble import Ensemble
from densnet.models.graph import Graph
from densnet.potential import electrostatic_potential
from densnet.prior import FreeAtoms

Array = NDArray[np.float64]


class DenSNetCalculator(Calculator):
    """Energy (eV), forces (eV/Å) and dipole (e Å) of a molecule, and what its electron density gives besides.

    Parameters
    ----------
    model
        A model, or the file that holds one.
    device
        Where the networks run: ``auto``, ``cpu``, ``gpu`` or PyTorch's name; by default where the model is, and on the
        CPU for a file.

    Raises
    ------
    ModelError
        The file is not a model of this version. When a property is asked for: the structure has an element that the
        model does not know, or is none that models serve (`densnet.dynamics.admission`), or results are not finite.

    Examples
    --------
    >>> atoms.calc = DenSNetCalculator("model.pt")  # doctest: +SKIP
    >>> atoms.get_potential_energy(), atoms.get_dipole_moment()  # doctest: +SKIP
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "dipole"]

    def __init__(self, model: str | Path | DenSNet | Ensemble, device: str | None = None, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        loaded = DenSNet.load(model) if isinstance(model, (str, Path)) else model
        self.model = loaded.to(torch_device(device)) if device else loaded
        self.coefficients, self.logarithms = np.zeros(0), np.zeros(0)
        self.attached: Atoms | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Fill ``results`` with energy, forces and dipole, all from one call of the model."""
        super().calculate(atoms, properties, system_changes)
        self.results = {}
        admit(self.atoms)
        if "numbers" in system_changes:
            warn_beyond_training(self.model, self.atoms)
        self._take({name: value.cpu().numpy() for name, value in self.model.properties(self._graph()).items()})

    def _take(self, found: dict[str, np.ndarray]) -> None:
        """Keep what the model returned for one frame."""
        require_finite(found, self.atoms.symbols)
        energy = float(found["energy"][0])
        self.coefficients, self.logarithms = (found[name].astype(np.float64) for name in Expansion._fields)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": found["forces"].astype(np.float64),
            "dipole": found["dipole"][0].astype(np.float64),
        }

    def get_density(self, points: ArrayLike, atoms: Atoms | None = None) -> Array:
        """Return the total electron density (P,) in e/Å^3 on points (P, 3) in Å."""
        basis, free_atoms, symbols, positions = self._expansion(atoms)
        return observables.density(basis, free_atoms, symbols, positions, self.coefficients, points)

    def get_density_difference(self, points: ArrayLike, atoms: Atoms | None = None) -> Array:
        """Return the density minus that of the free atoms, (P,) in e/Å^3, on points (P, 3) in Å."""
        basis, _, symbols, positions = self._expansion(atoms)
        return observables.density_difference(basis, symbols, positions, self.coefficients, points)

    def get_electrostatic_potential(self, points: ArrayLike, atoms: Atoms | None = None) -> Array:
        """Return the potential of nuclei and electrons, (P,) in V, on points (P, 3) in Å."""
        basis, free_atoms, symbols, positions = self._expansion(atoms)
        return electrostatic_potential(basis, free_atoms, symbols, positions, self.coefficients, points)

    def get_quadrupole(self, atoms: Atoms | None = None) -> Array:
        """Return the second moment of the charge (3, 3) in e Å^2 about the origin; see `densnet.observables`."""
        basis, free_atoms, symbols, positions = self._expansion(atoms)
        return observables.quadrupole(basis, free_atoms, symbols, positions, self.coefficients)

    def get_hessian(self, atoms: Atoms | None = None) -> Array:
        """Return the second derivatives of the energy (3A, 3A) in eV/Å², by automatic differentiation."""
        return self._derivatives(self.model.hessian, atoms)

    def get_dipole_derivatives(self, atoms: Atoms | None = None) -> Array:
        """Return the derivatives of the dipole (3A, 3) in e, by automatic differentiation."""
        return self._derivatives(self.model.dipole_derivatives, atoms)

    def set_atoms(self, atoms: Atoms) -> None:
        """Remember the structure this calculator is attached to (ASE calls it on ``atoms.calc = ...``)."""
        self.attached = atoms

    def _graph(self) -> Graph:
        return self.model.graph([(self.atoms.get_chemical_symbols(), self.atoms.positions)])

    def _derivatives(self, function: Callable[[Graph], Tensor], atoms: Atoms | None) -> Array:
        self._current(atoms)
        found = function(self._graph()).cpu().numpy().astype(np.float64)
        require_finite({"derivatives": found}, self.atoms.symbols)
        return found

    def _expansion(self, atoms: Atoms | None) -> tuple[AuxiliaryBasis, FreeAtoms, list[str], Array]:
        """Return what the coefficients of ``atoms`` belong to: functions, prior, what the atoms are called, where."""
        symbols, positions = self._current(atoms)
        basis, names = self.model.basis.stretched(symbols, self.logarithms)
        return basis, self.model.free_atoms.called(names, symbols), names, positions

    def _current(self, atoms: Atoms | None) -> tuple[list[str], Array]:
        """Make the results those of ``atoms``, by default of the structure the calculator is attached to."""
        atoms = self.attached if atoms is None else atoms
        if atoms is None:
            raise ModelError("the calculator has no structure: set atoms.calc to it, or pass atoms=...")
        self.get_property("energy", atoms)
        return self.atoms.get_chemical_symbols(), self.atoms.positions
