"""Central differences of the analytic gradient and of the dipole along displacements.

One file each, so that a killed job continues where it stopped; one set of self-consistent fields serves wavenumbers and
intensities alike.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from densnet.checkpoints import read_npz, write_npz
from densnet.config import Reference
from densnet.reference.calculator import ReferenceCalculator

TIGHT = 1e-9
"""Hartree; differences of gradients need a tighter self-consistent field than gradients."""


def differences(
    atoms: Atoms, directions: np.ndarray, reference: Reference, displacement: float, folder: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of gradient and dipole along unit vectors by central differences.

    Parameters
    ----------
    atoms
        Where.
    directions
        (directions, atoms, 3) Cartesian unit vectors.
    reference
        Level of theory.
    displacement
        Angstrom.
    folder
        Where finished displacements are kept, one file each.

    Returns
    -------
    slopes
        (directions, 3 atoms), eV/Angstrom^2.
    dipoles
        (directions, 3), e.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    calculator = ReferenceCalculator(reference, conv_tol=min(reference.conv_tol, TIGHT))
    start: list[np.ndarray] | None = None
    rows = []
    for direction in tqdm(directions, desc=f"displacements of {atoms.symbols}", unit="mode", disable=None):
        key = result_key(atoms.positions, direction, reference, displacement)
        row = read_npz(folder / f"{key[:16]}.npz", key)
        if row is None:
            start = start or _density_at(atoms, calculator)
            row = _displaced(atoms, direction * displacement, calculator, start)
            write_npz(folder / f"{key[:16]}.npz", key, **row)
        rows.append(row)
    slopes = np.array([(row["forces"][1] - row["forces"][0]).ravel() for row in rows]) / (2 * displacement)
    return slopes, np.array([row["dipole"][0] - row["dipole"][1] for row in rows]) / (2 * displacement)


def _density_at(atoms: Atoms, calculator: ReferenceCalculator) -> list[np.ndarray]:
    """Return the calculator's state after a structure: every displacement starts from it, whichever came before."""
    calculator.restore([])
    calculator.get_potential_energy(atoms.copy())
    return calculator.state()


def _displaced(
    atoms: Atoms, step: np.ndarray, calculator: ReferenceCalculator, start: list[np.ndarray]
) -> dict[str, np.ndarray]:
    forces, dipoles = [], []
    calculator.restore(start)
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions = atoms.positions + sign * step
        forces.append(calculator.get_forces(moved))
        dipoles.append(calculator.get_dipole_moment(moved))
        calculator.restore(calculator.state()[::-1])  # from there through the start: the other side is extrapolated
    return {"forces": np.array(forces), "dipole": np.array(dipoles)}


def result_key(*parts: Any) -> str:  # noqa: ANN401 - arrays, sections and numbers
    """Return a fingerprint of what a stored result depends on."""

    def plain(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, np.ndarray):
            return part.tolist()
        return part.level() if isinstance(part, Reference) else part

    return sha256(json.dumps([plain(part) for part in parts]).encode()).hexdigest()
