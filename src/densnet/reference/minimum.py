"""The minimum of DFT next to a structure."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import BFGS

from densnet.checkpoints import read_npz, write_npz
from densnet.config import Reference
from densnet.errors import CalculationError
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.displacements import TIGHT, result_key
from densnet.reference.xtb import xtb_calculator
from densnet.rigid import vibrational_space
from densnet.spectra.harmonic import SADDLE, downhill, normal_modes
from densnet.symmetry import Operation, symmetric, symmetrised, symmetrised_hessian

log = logging.getLogger(__name__)

CONVERGED = 2e-2
"""eV/Angstrom, largest force on an atom of a minimum: the noise of a coarse grid. What is left is in the result."""
STEPS = 200
NEARLY = 0.02
"""Å, how far a start may be from a symmetry that its minimum is given."""
SOFTEST = 2.0
"""eV/Angstrom^2, smallest curvature of the Hessian that a relaxation starts from."""


def relax(
    atoms: Atoms,
    reference: Reference,
    folder: str | Path,
    curvature: np.ndarray | None = None,
    fmax: float = CONVERGED,
) -> Atoms:
    """Return the minimum next to a structure, with energy and forces in its calculator's results.

    Quasi-Newton steps. From the Hessian of GFN2-xTB they are a third of those from a unit one. The minimum is in its
    principal axes, and the symmetry that the start nearly has (`densnet.symmetry`) it has to the last digit, unless the
    Hessian to begin with leads down from the symmetric structure: then the way down begins there.

    Parameters
    ----------
    atoms
        Start; it is not changed.
    reference
        Level of theory.
    folder
        Where finished steps are kept, one file each; a killed job repeats its way through them.
    curvature
        (3 atoms, 3 atoms), eV/Angstrom^2, the Hessian to begin with; that of GFN2-xTB when None.
    fmax
        Largest force of a minimum, eV/Angstrom.

    Raises
    ------
    CalculationError
        When the forces do not become small enough.
    """
    relaxed, group, turn = symmetric(atoms, NEARLY)
    if curvature is None:
        curvature = xtb_hessian(relaxed)
    else:
        curvature = np.einsum("ia,kilj,jb->kalb", turn, _blocks(curvature), turn).reshape(np.shape(curvature))
    modes = normal_modes(curvature, np.zeros((len(curvature), 3)), relaxed.positions, relaxed.get_masses())
    if len(group) > 1 and modes.frequencies[0] < SADDLE:
        relaxed, group = downhill(relaxed, modes), group[:1]
    relaxed.calc = InternalForces(reference, folder, group)
    optimizer = BFGS(relaxed, logfile=None, maxstep=0.1)
    optimizer.H0 = _stiffened(symmetrised_hessian(curvature, group))
    if not optimizer.run(fmax=fmax, steps=STEPS):
        left = np.linalg.norm(relaxed.get_forces(), axis=1).max()
        raise CalculationError(f"{atoms.symbols}: no DFT minimum after {STEPS} steps (largest force {left:.4f} eV/Å)")
    about = atoms.symbols, optimizer.nsteps, len(group)
    log.info("%s: minimum after %d steps, %d operations of symmetry", *about)
    return relaxed


class InternalForces(ReferenceCalculator):
    """The reference method without the net force and torque that a finite grid leaves, on which nothing relaxes.

    Parameters
    ----------
    reference
        Level of theory.
    folder
        Where results are kept; those of a structure that is there are not computed again.
    group
        Symmetry of the structure.
    """

    def __init__(self, reference: Reference, folder: str | Path, group: list[Operation]) -> None:
        super().__init__(reference, conv_tol=min(reference.conv_tol, TIGHT))
        self.folder, self.group = Path(folder), group
        self.folder.mkdir(parents=True, exist_ok=True)

    def calculate(self, atoms: Atoms, *arguments: Any, **options: Any) -> None:  # noqa: ANN401, D102 - ASE's interface
        key = result_key("minimum", atoms.numbers, atoms.positions, self.reference)
        path = self.folder / f"step_{key[:16]}.npz"
        kept = read_npz(path, key)
        if kept is not None:
            self.atoms, self.results = atoms.copy(), {**kept, "energy": float(kept["energy"])}
            return
        super().calculate(atoms, *arguments, **options)
        internal = vibrational_space(atoms.positions, np.ones(len(atoms)))
        forces = (internal @ (internal.T @ self.results["forces"].ravel())).reshape(-1, 3)
        self.results["forces"] = symmetrised(forces, self.group)
        largest = np.linalg.norm(self.results["forces"], axis=1).max()
        log.info("energy %.6f eV, largest force %.4f eV/Å", self.results["energy"], largest)
        write_npz(path, key, **self.results)


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


def _blocks(hessian: np.ndarray) -> np.ndarray:
    """Return a Hessian (3 atoms, 3 atoms) as (atoms, 3, atoms, 3)."""
    return np.reshape(hessian, (len(hessian) // 3, 3, -1, 3))


def _stiffened(curvature: np.ndarray) -> np.ndarray:
    """Return a Hessian whose soft and negative curvatures are raised, so that a first step stays small."""
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return (vectors * np.maximum(np.abs(values), SOFTEST)) @ vectors.T
