"""Central differences of the analytic gradient and of the dipole along displacements.

One file each, so that a killed job continues where it stopped; one set of self-consistent fields serves wavenumbers and
intensities alike. What symmetry gives is not computed: the way back along an antisymmetric displacement is the image of
the way forward, and the image of a displacement has the images of its forces.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from densnet.checkpoints import read_npz, write_npz
from densnet.config import Reference
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.pool import computed
from densnet.symmetry import Operation, operations

TIGHT = 1e-9
"""Hartree; differences of gradients need a tighter self-consistent field than gradients."""

SAME = 1e-6
"""Å, between displacements of unit length that are the same."""

Row = dict[str, np.ndarray]


def differences(
    atoms: Atoms,
    directions: np.ndarray,
    reference: Reference,
    displacement: float,
    folder: str | Path,
    processes: int = 1,
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
    processes
        How many displacements are computed at the same time.

    Returns
    -------
    slopes
        (directions, 3 atoms), eV/Angstrom^2.
    dipoles
        (directions, 3), e.
    """
    displacer = Displacer(atoms, reference, displacement, Path(folder))
    images = images_of(directions, displacer.group)
    needed = sorted({index for index, _, _ in images})
    rows = {index: displacer.finished(directions[index]) for index in needed}
    left = [index for index, row in rows.items() if row is None]
    found = computed(displacer, [directions[index] for index in left], processes)
    about = {"desc": f"displacements of {atoms.symbols}", "unit": "mode", "disable": None}
    progress = tqdm(found, total=len(rows), initial=len(rows) - len(left), **about)
    rows |= dict(zip(left, progress, strict=True))
    slopes, dipoles = [], []
    for index, sign, operation in images:
        forward, backward = rows[index]["forces"]
        slopes.append(sign * operation(backward - forward).ravel() / (2 * displacement))
        forward, backward = rows[index]["dipole"]
        dipoles.append(sign * (forward - backward) * operation.signs / (2 * displacement))
    return np.array(slopes), np.array(dipoles)


def images_of(directions: np.ndarray, group: list[Operation]) -> list[tuple[int, int, Operation]]:
    """Return of which earlier direction each is the image, or minus the image (sign), and by which operation."""
    found: list[tuple[int, int, Operation]] = []
    for direction in directions:
        earlier = sorted({index for index, _, _ in found})
        known = (
            (index, sign, operation)
            for index in earlier
            for operation in group
            for sign in (1, -1)
            if np.abs(sign * operation(directions[index]) - direction).max() < SAME
        )
        found.append(next(known, (len(found), 1, group[0])))
    return found


@dataclass
class Displacer:
    """Forces and dipoles on both sides of a structure, kept in a folder.

    Parameters
    ----------
    atoms
        Where.
    reference
        Level of theory.
    displacement
        Angstrom.
    folder
        One file for each direction.
    """

    atoms: Atoms
    reference: Reference
    displacement: float
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.group = operations(self.atoms.positions, self.atoms.get_masses())

    def __call__(self, direction: np.ndarray) -> Row:
        """Return forces (2, atoms, 3), eV/Angstrom, and dipoles (2, 3), e Angstrom, forward and backward."""
        calculator, start = self._centre
        turned = (op for op in self.group if np.abs(op(direction) + direction).max() < SAME)
        row = _displaced(self.atoms, direction * self.displacement, calculator, start, next(turned, None))
        key = self._key(direction)
        write_npz(self._path(key), key, **row)
        return row

    def finished(self, direction: np.ndarray) -> Row | None:
        """Return what is kept of a direction, if there is something."""
        key = self._key(direction)
        return read_npz(self._path(key), key)

    @cached_property
    def _centre(self) -> tuple[ReferenceCalculator, list[np.ndarray]]:
        calculator = ReferenceCalculator(self.reference, conv_tol=min(self.reference.conv_tol, TIGHT))
        return calculator, _density_at(self.atoms, calculator)

    def _key(self, direction: np.ndarray) -> str:
        return result_key(self.atoms.positions, direction, self.reference, self.displacement)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key[:16]}.npz"


def _density_at(atoms: Atoms, calculator: ReferenceCalculator) -> list[np.ndarray]:
    """Return the calculator's state after a structure: every displacement starts from it, whichever came before."""
    calculator.restore([])
    calculator.get_potential_energy(atoms.copy())
    return calculator.state()


def _displaced(
    atoms: Atoms,
    step: np.ndarray,
    calculator: ReferenceCalculator,
    start: list[np.ndarray],
    reversing: Operation | None,
) -> Row:
    forces, dipoles = [], []
    calculator.restore(start)
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions = atoms.positions + sign * step
        forces.append(calculator.get_forces(moved))
        dipoles.append(calculator.get_dipole_moment(moved))
        if reversing:
            back = reversing(forces[0]), dipoles[0] * reversing.signs
            return {"forces": np.array([forces[0], back[0]]), "dipole": np.array([dipoles[0], back[1]])}
        calculator.restore(calculator.state()[::-1])  # from there through the start: the other side is extrapolated
    return {"forces": np.array(forces), "dipole": np.array(dipoles)}


def result_key(*parts: Any) -> str:  # noqa: ANN401 - arrays, sections and numbers
    """Return a fingerprint of what a stored result depends on."""

    def plain(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, np.ndarray):
            return part.tolist()
        return part.level() if isinstance(part, Reference) else part

    return sha256(json.dumps([plain(part) for part in parts]).encode()).hexdigest()
