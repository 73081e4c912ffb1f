"""Central differences of the analytic gradient and of the dipole along displacements.

One file each, so that a killed job continues where it stopped; one set of self-consistent fields serves wavenumbers and
intensities alike.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from multiprocessing import get_context
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

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Row = dict[str, np.ndarray]
_shared: Displacer


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
        How many displacements are computed at the same time, which changes no result.

    Returns
    -------
    slopes
        (directions, 3 atoms), eV/Angstrom^2.
    dipoles
        (directions, 3), e.
    """
    displacer = Displacer(atoms, reference, displacement, Path(folder))
    rows = [displacer.finished(direction) for direction in directions]
    left = [index for index, row in enumerate(rows) if row is None]
    with tqdm(total=len(rows), initial=len(rows) - len(left), desc=f"displacements of {atoms.symbols}", unit="mode",
              disable=None) as progress, workers(displacer, min(processes, len(left))) as compute:  # fmt: skip
        for index, row in zip(left, compute([directions[index] for index in left]), strict=True):
            rows[index] = row
            progress.update()
    slopes = np.array([(row["forces"][1] - row["forces"][0]).ravel() for row in rows]) / (2 * displacement)
    return slopes, np.array([row["dipole"][0] - row["dipole"][1] for row in rows]) / (2 * displacement)


@contextmanager
def workers(displacer: Displacer, processes: int) -> Iterator[Callable[[Iterable[np.ndarray]], Iterable[Row]]]:
    """Return a map of a displacer over directions, in processes of their own where there is more than one."""
    if processes < 2:
        yield partial(map, displacer)
        return
    with (
        threads_divided(processes),
        ProcessPoolExecutor(processes, get_context("spawn"), _share, (displacer,)) as pool,
    ):
        try:
            yield partial(pool.map, _compute)
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def threads_divided(processes: int) -> Iterator[None]:
    """Let processes that are started meanwhile share the threads of this one, which would all be waited for by each."""
    kept = {name: os.environ.get(name) for name in THREADS}
    threads = max(1, int(kept["OMP_NUM_THREADS"] or os.cpu_count() or 1) // processes)
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _share(displacer: Displacer) -> None:
    """Keep the displacer of a process, so that its field at the centre is converged once."""
    global _shared
    _shared = displacer


def _compute(direction: np.ndarray) -> Row:
    return _shared(direction)


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

    def __call__(self, direction: np.ndarray) -> Row:
        """Return forces (2, atoms, 3), eV/Angstrom, and dipoles (2, 3), e Angstrom, forward and backward."""
        calculator, start = self._centre
        row = _displaced(self.atoms, direction * self.displacement, calculator, start)
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


def _displaced(atoms: Atoms, step: np.ndarray, calculator: ReferenceCalculator, start: list[np.ndarray]) -> Row:
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
