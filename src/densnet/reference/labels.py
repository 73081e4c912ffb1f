"""Labels of one chunk of frames: energy, forces, dipole and density matrix of each, from one self-consistent field.

Nothing here knows of the auxiliary basis: changing it repeats the fits (`densnet.reference.fits`), never these.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from pyscf import lib
from tqdm import tqdm

from densnet.checkpoints import read_npz, write_npz
from densnet.config import Reference
from densnet.dataset import SPLITS
from densnet.errors import CalculationError, DataError
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.reference import method

log = logging.getLogger(__name__)

Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class LabelledFrames:
    """Labelled frames of one molecule.

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
        (frames, 3), e Angstrom.
    split
        (frames,), index into `densnet.dataset.SPLITS`.
    density_matrix
        (frames, packed), lower triangle.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    dipole: np.ndarray
    split: np.ndarray
    density_matrix: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def of(self, split: str) -> LabelledFrames:
        """Return the frames of one split, in order."""
        index = np.flatnonzero(self.split == SPLITS.index(split))
        chosen = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, names=tuple(self.names[k] for k in index), **chosen)


ARRAYS = tuple(field.name for field in fields(LabelledFrames) if field.name not in ("symbols", "names"))


def label(
    frames: Sequence[Atoms],
    reference: Reference,
    *,
    out: str | Path,
    failed: str | Path,
    meta: dict[str, Any] | None = None,
) -> int:
    """Label frames of one molecule and write those that converged as one HDF5 file, which may hold none.

    `densnet.dataset.gather` refuses a study with too many failures.

    Each finished frame is kept in a folder beside the output (suffix ``.part``) until all are, so that a killed job
    continues where it stopped. No frame uses anything of another, so labels do not depend on where a job was killed.

    Parameters
    ----------
    frames
        Structures; ``info`` holds split, campaign, replica and step.
    reference
        Level of theory.
    out
        The HDF5 file, as `read` reads it.
    failed
        JSON list of the frames that did not converge, with the reason.
    meta
        What else the file must say about itself.

    Returns
    -------
    int
        Number of labelled frames.

    Raises
    ------
    DataError
        Frames of several molecules, or with their atoms in several orders.
    """
    out = Path(out)
    symbols, folder = one_molecule(frames), out.with_suffix(".part")
    rows, failures = _rows(frames, reference, folder)
    names = [_name(frame) for frame in frames]
    with atomic(failed) as temporary:
        entries = [{"frame": names[index], "error": error} for index, error in failures.items()]
        temporary.write_text(json.dumps(entries, indent=1))
    described = provenance(reference=reference.model_dump(), failed=len(failures), **(meta or {}))
    with atomic(out) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["symbols"], file.attrs["provenance"] = json.dumps(symbols), json.dumps(described)
        file.create_dataset("frame", data=[names[index] for index in rows], dtype=h5py.string_dtype())
        for name in ARRAYS:
            file.create_dataset(name, data=np.array([row[name] for row in rows.values()]), fletcher32=bool(rows))
    shutil.rmtree(folder, ignore_errors=True)
    return len(rows)


def read(path: str | Path) -> LabelledFrames:
    """Read one label file; raise `DataError` when it is damaged or incomplete."""
    try:
        with h5py.File(path) as file:
            names = tuple(file["frame"].asstr()[:])
            found = LabelledFrames(
                tuple(json.loads(file.attrs["symbols"])), names, **{name: file[name][:] for name in ARRAYS}
            )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: damaged or incomplete label file ({error}); delete it and run again") from None
    arrays = [getattr(found, name) for name in ARRAYS]
    if {len(array) for array in arrays} != {len(names)} or not all(np.isfinite(array).all() for array in arrays):
        raise DataError(f"{path}: label file with missing or non-finite labels; delete it and run again")
    return found


def read_all(paths: Sequence[str | Path]) -> LabelledFrames:
    """Read the label files of one molecule as one set; a file without frames adds none."""
    parts = [part for part in map(read, paths) if len(part)]
    if not parts:
        raise DataError(f"{', '.join(map(str, paths))}: no labelled frame; see the lists of failed frames beside")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    return replace(parts[0], names=tuple(name for part in parts for name in part.names), **arrays)


def _rows(frames: Sequence[Atoms], reference: Reference, folder: Path) -> tuple[dict[int, Row], dict[int, str]]:
    """Return the labels, and the reasons of the failures, by the number of the frame."""
    folder.mkdir(parents=True, exist_ok=True)
    method.check_device(frames[0], reference)
    rows: dict[int, Row] = {}
    failures: dict[int, str] = {}
    for index, frame in enumerate(tqdm(frames, desc=f"labels of {frames[0].symbols}", unit="frame", disable=None)):
        part, key = folder / f"{index:05d}.npz", _fingerprint(frame, reference)
        row = read_npz(part, key)
        if row is None:
            try:
                row = label_frame(frame, reference)
            except CalculationError as error:
                log.warning("%s: %s", _name(frame), error)
                failures[index] = str(error)
                continue
            write_npz(part, key, **row)
        rows[index] = row
    return rows, failures


def one_molecule(frames: Sequence[Atoms]) -> list[str]:
    """Return the chemical symbols of a set of frames; raise `DataError` unless all have the same, in one order."""
    orders = {str(frame.symbols): frame.get_chemical_symbols() for frame in frames}
    if len(orders) != 1:
        raise DataError(
            "frames of one label job must be one molecule with its atoms in one order; found "
            f"{', '.join(sorted(orders)) or 'none'}"
        )
    return next(iter(orders.values()))


def label_frame(frame: Atoms, reference: Reference) -> Row:
    """Return the labels of one structure by their names in `LabelledFrames`.

    Raises
    ------
    ConvergenceError
        When the self-consistent field does not converge.
    """
    mf = method.mean_field(frame, reference)
    method.converge(mf, method.coarse_start(mf, reference))
    values = {
        "positions": frame.positions,
        "energy": method.energy(mf, reference) * Hartree,
        "forces": -method.gradient(mf, reference) * (Hartree / Bohr),
        "dipole": method.dipole(mf) * Bohr,
        "split": SPLITS.index(frame.info.get("split", "test")),
        "density_matrix": lib.pack_tril(method.density_matrix(mf)),
    }
    return {name: np.asarray(value) for name, value in values.items()}


def _fingerprint(frame: Atoms, reference: Reference) -> str:
    text = json.dumps([frame.positions.tolist(), frame.info.get("split"), reference.fingerprint()])
    return sha256(text.encode()).hexdigest()


def _name(frame: Atoms) -> str:
    info = frame.info
    return f"{info.get('campaign', '?')}/replica {info.get('replica', '?')}/step {info.get('step', '?')}"
