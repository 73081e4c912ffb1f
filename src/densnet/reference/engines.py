"""What drives a sampled molecule: DFT or GFN2-xTB, and what a killed trajectory must restore of it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, CalculatorError

from densnet.config import Campaign, Reference
from densnet.dynamics.integrator import Point
from densnet.errors import CalculationError
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.xtb import xtb_calculator


class Engine(ABC):
    """A calculator as the force field of one molecule.

    Parameters
    ----------
    atoms
        The molecule.
    calculator
        Of energy, forces and dipole.
    """

    def __init__(self, atoms: Atoms, calculator: Calculator) -> None:
        self.atoms, self.calculator = atoms.copy(), calculator
        self.atoms.calc = calculator

    def __call__(self, positions: np.ndarray) -> Point:
        """Return energy, forces and dipole at positions (atoms, 3), Angstrom."""
        self.atoms.positions = positions
        try:
            energy, forces = self.atoms.get_potential_energy(), self.atoms.get_forces()
            return Point(float(energy), forces, self.atoms.get_dipole_moment())
        except CalculatorError as error:  # of tblite; densnet's own errors pass
            raise CalculationError(f"GFN2-xTB failed: {error}") from None

    @abstractmethod
    def state(self) -> list[np.ndarray]:
        """Return what later results depend on besides the structure, and forget everything else."""

    @abstractmethod
    def restore(self, state: list[np.ndarray]) -> None:
        """Continue from a state."""


class ReferenceEngine(Engine):
    """Ab initio forces; the state is the history of the density predictor."""

    def __init__(self, atoms: Atoms, reference: Reference, campaign: Campaign) -> None:
        super().__init__(atoms, ReferenceCalculator(reference, campaign.grid_level, campaign.conv_tol))

    def state(self) -> list[np.ndarray]:  # noqa: D102
        return self.calculator.state()

    def restore(self, state: list[np.ndarray]) -> None:  # noqa: D102
        self.calculator.restore(state)


class XtbEngine(Engine):
    """Forces of GFN2-xTB, whose wave function is forgotten at each checkpoint because it cannot be stored."""

    def __init__(self, atoms: Atoms) -> None:
        super().__init__(atoms, xtb_calculator())

    def state(self) -> list[np.ndarray]:  # noqa: D102
        self.calculator.reset()
        return []

    def restore(self, state: list[np.ndarray]) -> None:  # noqa: D102
        self.calculator.reset()
