"""The minimum of DFT next to a structure."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import BFGS

from densnet.config import Reference
from densnet.errors import CalculationError
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.displacements import TIGHT
from densnet.reference.xtb import xtb_calculator
from densnet.rigid import vibrational_space

log = logging.getLogger(__name__)

CONVERGED = 2e-2
"""eV/Angstrom, largest force on an atom of a minimum: the noise of a coarse grid. What is left is in the result."""
STEPS = 200
SOFTEST = 2.0
"""eV/Angstrom^2, smallest curvature of the Hessian that a relaxation starts from."""


def relax(atoms: Atoms, reference: Reference, fmax: float = CONVERGED) -> Atoms:
    """Return the minimum next to a structure, with energy and forces in its calculator's results.

    Quasi-Newton steps from the Hessian of GFN2-xTB, which take a third of the number of steps from a unit one.

    Parameters
    ----------
    atoms
        Start; it is not changed.
    reference
        Level of theory.
    fmax
        Largest force of a minimum, eV/Angstrom.

    Raises
    ------
    CalculationError
        When the forces do not become small enough.
    """
    relaxed = atoms.copy()
    relaxed.calc = InternalForces(reference, conv_tol=min(reference.conv_tol, TIGHT))
    optimizer = BFGS(relaxed, logfile=None, maxstep=0.1)
    optimizer.H0 = _stiffened(xtb_hessian(atoms))
    if not optimizer.run(fmax=fmax, steps=STEPS):
        left = np.linalg.norm(relaxed.get_forces(), axis=1).max()
        raise CalculationError(f"{atoms.symbols}: no DFT minimum after {STEPS} steps (largest force {left:.4f} eV/Å)")
    log.info("%s: minimum after %d steps", atoms.symbols, optimizer.nsteps)
    return relaxed


class InternalForces(ReferenceCalculator):
    """The reference method without the net force and torque that a finite grid leaves, on which nothing relaxes."""

    def calculate(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401, D102 - ASE's interface
        super().calculate(*arguments, **options)
        internal = vibrational_space(self.atoms.positions, np.ones(len(self.atoms)))
        forces = self.results["forces"].ravel()
        self.results["forces"] = (internal @ (internal.T @ forces)).reshape(-1, 3)


def xtb_hessian(atoms: Atoms, displacement: float = 0.01) -> np.ndarray:
    """Return the GFN2-xTB Hessian (3 atoms, 3 atoms) by central differences, eV/Angstrom^2."""
    moved = atoms.copy()
    moved.calc = xtb_calculator()
    rows = []
    for step in np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3) * displacement:
        forces = []
        for sign in (1, -1):
            moved.positions = atoms.positions + sign * step
            forces.append(moved.get_forces().ravel())
        rows.append((forces[1] - forces[0]) / (2 * displacement))
    return (np.array(rows) + np.array(rows).T) / 2


def _stiffened(curvature: np.ndarray) -> np.ndarray:
    """Return a Hessian whose soft and negative curvatures are raised, so that a first step stays small."""
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return (vectors * np.maximum(np.abs(values), SOFTEST)) @ vectors.T
