"""Labelled and predicted frames for other programs: extended XYZ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator

from densnet.config import SPLITS
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.files import atomic
from densnet.frames import FrameSet


def write_extxyz(dataset: Dataset, out: str | Path, split: str | None = None) -> int:
    """Write labelled frames as extended XYZ and return their number.

    Energy (eV), forces (eV/Å) and dipole (e Å) have the names that ASE reads back as the results of a calculator;
    ``split``, ``length`` and ``frame`` (campaign, replica and step) are in the comment line. Frames with polar tensors
    have nine columns ``polar_tensor`` (e): the rows of the tensor of each atom, as in `densnet.frames.FrameSet`.

    Parameters
    ----------
    dataset
        The frames.
    out
        The ``.extxyz`` file.
    split
        One of train, validation and test; by default all, in this order.

    Raises
    ------
    DataError
        When the split has no frames.
    """
    wanted = SPLITS if split is None else (split,)
    frames = [atoms for name in wanted for length, found in dataset.of(name) for atoms in _atoms(found, length, name)]
    if not frames:
        raise DataError(
            f"no frames in split {split}; this dataset has {', '.join(n for n in SPLITS if [*dataset.of(n)])}"
        )
    with atomic(out) as temporary:
        ase.io.write(temporary, frames, format="extxyz")
    return len(frames)


def predicted_atoms(frame: Atoms, calculator: Calculator) -> Atoms:
    """Return a structure with what a calculator says about it, as an extended XYZ file keeps it.

    The standard deviations of an ensemble are ``energy_std`` (eV) and ``dipole_std`` (e Å) in the comment line and the
    columns ``forces_std`` (eV/Å).
    """
    atoms = frame.copy()
    calculator.calculate(atoms)
    results = dict(calculator.results)
    deviations = {name: results.pop(name) for name in [*results] if name.endswith("_std")}
    for name, values in deviations.items():
        (atoms.arrays if name == "forces_std" else atoms.info)[name] = values
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def _atoms(frames: FrameSet, length: int, split: str) -> Iterator[Atoms]:
    for index, name in enumerate(frames.names):
        info = {"split": split, "length": length, "frame": name}
        atoms = Atoms(frames.symbols, frames.positions[index], info=info)
        labels = {key: getattr(frames, key)[index] for key in ("forces", "dipole")}
        atoms.calc = SinglePointCalculator(atoms, energy=float(frames.energy[index]), **labels)
        if np.isfinite(tensors := frames.polar_tensor[index]).all():
            atoms.set_array("polar_tensor", tensors.reshape(-1, 9))
        yield atoms
