"""Labelled frames of one composition: in memory, and in the files that labelling and fitting jobs leave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from densnet.config import SPLITS
from densnet.errors import DataError
from densnet.files import atomic

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class FrameSet:
    """Labelled frames of one composition.

    Attributes
    ----------
    symbols
        Chemical symbols of the atoms.
    names
        Campaign, replica and step of each frame.
    positions
        (frames, atoms, 3), Angstrom.
    energy
        (frames,), total energy, eV.
    forces
        (frames, atoms, 3), eV/Angstrom.
    dipole
        (frames, 3), e Angstrom, of the DFT density.
    coefficients
        (frames, functions), density difference to the free atoms in the auxiliary basis (see `densnet.basis`).
    split
        (frames,), index into `densnet.config.SPLITS`.
    charge_error
        (frames,), electrons that the fitted density has too many.
    dipole_error
        (frames,), distance of the fitted dipole from that of DFT, Debye.
    condition
        (frames,), condition number of the regularised Coulomb metric.
    prior_error, floor_error
        (frames,), integrated absolute error of the free atoms and of the fit against the DFT density on the frame's
        Becke grid, percent of the electrons.
    polar_tensor
        (frames, atoms, 3, 3), e, derivatives of the dipole (columns) by the coordinates of each atom (rows) in DFT; not
        a number where there are none.
    density_matrix
        (kept frames, packed), lower triangle of the DFT density matrix of the frames in ``density_matrix_frame``.
    density_matrix_frame
        (kept frames,), index of the frame.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    dipole: np.ndarray
    coefficients: np.ndarray
    split: np.ndarray
    charge_error: np.ndarray
    dipole_error: np.ndarray
    condition: np.ndarray
    prior_error: np.ndarray
    floor_error: np.ndarray
    polar_tensor: np.ndarray
    density_matrix: np.ndarray
    density_matrix_frame: np.ndarray

    def __len__(self) -> int:
        return len(self.energy)

    def select(self, split: str) -> FrameSet:
        """Return the frames of one split, in order."""
        return self.take(np.flatnonzero(self.split == SPLITS.index(split)))

    def take(self, index: np.ndarray) -> FrameSet:
        """Return the frames at ``index``, with the density matrices that belong to them."""
        place = {int(frame): k for k, frame in enumerate(index)}
        kept = [k for k, frame in enumerate(self.density_matrix_frame) if int(frame) in place]
        chosen = {name: getattr(self, name)[index] for name in PER_FRAME}
        chosen["density_matrix"] = self.density_matrix[kept]
        chosen["density_matrix_frame"] = np.array([place[int(self.density_matrix_frame[k])] for k in kept], dtype=int)
        return replace(self, names=tuple(self.names[k] for k in index), **chosen)


SEAL = 512
"""Bytes before the HDF5 file, with its checksum: HDF5 itself may read a damaged file for ever."""
MAGIC = b"\x89HDF"

KEPT = ("density_matrix", "density_matrix_frame")
PER_FRAME = tuple(field.name for field in fields(FrameSet) if field.name not in ("symbols", "names", *KEPT))


def completed(arrays: Arrays) -> Arrays:
    """Return arrays of frames with polar tensors, not a number where a file is older than these."""
    return {"polar_tensor": np.full((*arrays["positions"].shape, 3), np.nan), **arrays}


@dataclass(frozen=True)
class FrameFile:
    """What one file of labelled frames holds.

    Attributes
    ----------
    symbols
        Chemical symbols of the atoms.
    names
        Campaign, replica and step of each frame.
    arrays
        By name.
    about
        What the file says about itself, JSON-ready.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    arrays: Arrays
    about: dict[str, Any]

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all, with a checksum of all it holds."""
        with atomic(path) as temporary:
            with h5py.File(temporary, "w", userblock_size=SEAL) as file:
                file.attrs["about"] = json.dumps({"symbols": self.symbols, "names": self.names, **self.about})
                file.attrs["sha256"] = _digest(file.attrs["about"], self.arrays)
                for name, array in self.arrays.items():
                    file.create_dataset(name, data=array)
            with open(temporary, "r+b") as raw:
                raw.seek(SEAL)
                digest = hashlib.sha256(raw.read()).hexdigest()
                raw.seek(0)
                raw.write(digest.encode())

    @classmethod
    def read(cls, path: str | Path, rule: str) -> FrameFile:
        """Read a file written by `write`; raise `DataError` naming it and the rule when it is damaged or incomplete."""
        try:
            _check_seal(path)
            with h5py.File(path) as file:
                arrays = {name: dataset[:] for name, dataset in file.items()}
                intact = file.attrs["sha256"] == _digest(file.attrs["about"], arrays)
                about = json.loads(file.attrs["about"])
                symbols, names = (tuple(about.pop(name)) for name in ("symbols", "names"))
        except Exception as error:  # HDF5 raises whatever it comes across in a damaged file
            raise DataError(f"{path}: damaged or incomplete ({error}); delete it and run the {rule} rule") from None
        if not intact:
            raise DataError(f"{path}: damaged (its checksum is another); delete it and run the {rule} rule")
        return cls(symbols, names, arrays, about)


def _check_seal(path: str | Path) -> None:
    """Raise `ValueError` when a file has changed; older files have no seal, only the checksum inside."""
    with open(path, "rb") as raw:
        seal, rest = raw.read(SEAL), raw.read()
    if not seal.startswith(MAGIC) and seal.rstrip(b"\0").decode() != hashlib.sha256(rest).hexdigest():
        raise ValueError("its checksum is another")


def _digest(about: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(about.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
