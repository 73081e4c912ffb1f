"""ASE calculator of the reference method: energy, forces, dipole and density matrix from one self-consistent field."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import Bohr, Hartree
from scipy.special import comb

from densnet.config import Reference
from densnet.reference import method
from densnet.reference.convergence import converge
from densnet.reference.gate import check_device

GRADIENT = 0.1
"""Convergence threshold of the orbital gradient after an extrapolated density, times the root of that of the energy.

PySCF's own is one: from so good a start the energy stops changing while forces are still wrong by 0.01 eV/Angstrom."""


class ReferenceCalculator(Calculator):
    """The mean field of a study as an ASE calculator.

    Along a trajectory the density is extrapolated (`Predictor`), which saves cycles and changes nothing else: every
    result is converged to ``conv_tol``. On a GPU the first structure is computed on the CPU as well
    (`densnet.reference.gate.check_device`).

    Parameters
    ----------
    reference
        Level of theory.
    grid_level, conv_tol
        Values that replace those of ``reference``.

    Attributes
    ----------
    density_matrix
        Of the last structure, shape (orbitals, orbitals).
    cycles
        Self-consistent-field cycles of the last structure.
    """

    implemented_properties = ["energy", "forces", "dipole"]  # noqa: RUF012 - ASE's interface

    def __init__(
        self,
        reference: Reference,
        grid_level: int | None = None,
        conv_tol: float | None = None,
    ) -> None:
        super().__init__()
        self.reference, self.grid_level, self.conv_tol = reference, grid_level, conv_tol
        self.predictor = Predictor() if "extrapolation" in reference.shortcuts else None
        self.checked = False
        self.density_matrix: np.ndarray | None = None
        self.cycles = 0

    def calculate(  # noqa: D102 - ASE's interface
        self,
        atoms: Atoms | None = None,
        properties: list[str] = implemented_properties,
        system_changes: list[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        if not self.checked:
            check_device(self.atoms, self.reference)
            self.checked = True
        mf = method.mean_field(self.atoms, self.reference, self.grid_level, self.conv_tol)
        guess = self.predictor.guess(mf) if self.predictor else None
        if guess is not None:
            mf.conv_tol_grad = GRADIENT * np.sqrt(mf.conv_tol)
        converge(mf, guess)
        self.density_matrix, self.cycles = method.density_matrix(mf), int(getattr(mf, "cycles", 0))
        if self.predictor:
            self.predictor.remember(mf, self.density_matrix)
        self.results = {
            "energy": method.energy(mf, self.reference) * Hartree,
            "forces": -method.gradient(mf, self.reference) * (Hartree / Bohr),
            "dipole": method.dipole(mf) * Bohr,
        }

    def state(self) -> list[np.ndarray]:
        """Return what the next step's result depends on besides the structure."""
        return [matrix.copy() for matrix in self.predictor.history] if self.predictor else []

    def restore(self, state: list[Any]) -> None:
        """Continue from a `state`, as if the calculator had never been away."""
        self.reset()
        if self.predictor:
            self.predictor.history = [np.array(matrix) for matrix in state]


class Predictor:
    r"""Always-stable predictor of the density along a trajectory (Kolafa, J. Comput. Chem. 25, 335, 2004).

    Extrapolates :math:`PS`, which follows the moving orbitals, and purifies the result: the occupied space is spanned
    by the leading eigenvectors of :math:`S^{1/2} P S^{1/2}`, so the guess is idempotent and has the right number of
    electrons.

    Parameters
    ----------
    order
        k of the predictor; k + 2 steps are remembered.

    Attributes
    ----------
    history
        :math:`PS` of the last steps, newest first.
    """

    def __init__(self, order: int = 2) -> None:
        self.length = order + 2
        self.history: list[np.ndarray] = []

    def coefficients(self) -> np.ndarray:
        """Return the weights of the steps at hand, newest first; a shorter history takes a lower order."""
        n = len(self.history)
        if n == 1:
            return np.ones(1)
        steps = np.arange(1, n + 1)
        return (-1.0) ** (steps + 1) * steps * comb(2 * n, n - steps) / comb(2 * n - 2, n - 1)

    def guess(self, mf: method.MeanField) -> np.ndarray | None:
        """Return the predicted density matrix of a new structure, or None before the first step."""
        if not self.history or len(self.history[0]) != mf.mol.nao:
            return None
        predicted = np.tensordot(self.coefficients(), np.array(self.history), axes=1)
        values, vectors = np.linalg.eigh(mf.mol.intor("int1e_ovlp"))
        root = (vectors * np.sqrt(values)) @ vectors.T
        inverse = (vectors / np.sqrt(values)) @ vectors.T
        symmetric = root @ predicted @ inverse
        occupied = inverse @ np.linalg.eigh(symmetric + symmetric.T)[1][:, -(mf.mol.nelectron // 2) :]
        return 2 * occupied @ occupied.T

    def remember(self, mf: method.MeanField, density_matrix: np.ndarray) -> None:
        """Put the converged density of a step in front of the history."""
        self.history.insert(0, density_matrix @ mf.mol.intor("int1e_ovlp"))
        del self.history[self.length :]
