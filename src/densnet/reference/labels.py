"""Labels of one chunk of frames: energy, forces, dipole and density matrix of each, from one self-consistent field.

Nothing here knows of the auxiliary basis: changing it repeats the fits (`densnet.reference.fits`), never these.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from pyscf import lib
from tqdm import tqdm

from densnet.checkpoints import read_npz, write_npz
from densnet.config import SPLITS, Reference, fingerprint
from densnet.errors import CalculationError, DataError
from densnet.files import atomic
from densnet.frames import FrameFile, completed
from densnet.provenance import provenance
from densnet.reference import method
from densnet.reference.convergence import coarse_start, converge
from densnet.reference.gate import check_device
from densnet.reference.gpu import on_gpu
from densnet.reference.polar import polar_tensors

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
        (frames,), index into `densnet.config.SPLITS`.
    polar_tensor
        (frames, atoms, 3, 3), e; not a number where none was asked for.
    density_matrix
        (frames, packed), lower triangle.
    about
        Level of theory and provenance.
    """

    symbols: tuple[str, ...]
    names: tuple[str, ...]
    positions: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    dipole: np.ndarray
    split: np.ndarray
    polar_tensor: np.ndarray
    density_matrix: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def of(self, split: str) -> LabelledFrames:
        """Return the frames of one split, in order."""
        index = np.flatnonzero(self.split == SPLITS.index(split))
        chosen = {name: getattr(self, name)[index] for name in ARRAYS}
        return replace(self, names=tuple(self.names[k] for k in index), **chosen)


ARRAYS = ("positions", "energy", "forces", "dipole", "split", "polar_tensor", "density_matrix")


def label(
    frames: Sequence[Atoms],
    reference: Reference,
    *,
    out: str | Path,
    failed: str | Path,
) -> int:
    """Label frames of one molecule and write those that converged as one HDF5 file, which may hold none.

    `densnet.dataset.gather` refuses a study with too many failures.

    Each finished frame is kept in a folder beside the output (suffix ``.part``) until all are, so that a killed job
    continues where it stopped. No frame uses anything of another, so labels do not depend on where a job was killed.

    Parameters
    ----------
    frames
        Structures; ``info`` holds split, campaign, replica and step, and ``polar`` where polar tensors are wanted.
    reference
        Level of theory.
    out
        The file, as `read` reads it.
    failed
        JSON list of the frames that did not converge, with the reason.

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
    device = "GPU" if on_gpu(reference.device) else "CPU"
    about = {"level": reference.level(), "provenance": provenance(device=device, failed=len(failures))}
    arrays = {name: np.array([row[name] for row in rows.values()]) for name in ARRAYS}
    FrameFile(tuple(symbols), tuple(names[index] for index in rows), arrays, about).write(out)
    shutil.rmtree(folder, ignore_errors=True)
    return len(rows)


def read(path: str | Path) -> LabelledFrames:
    """Read one label file; raise `DataError` when it is damaged or incomplete."""
    file = FrameFile.read(path, "label")
    arrays = completed(file.arrays)
    return LabelledFrames(file.symbols, file.names, **{name: arrays[name] for name in ARRAYS}, about=file.about)


def read_all(paths: Sequence[str | Path]) -> LabelledFrames:
    """Read the label files of one molecule as one set; a file without frames adds none."""
    parts = [part for part in map(read, paths) if len(part)]
    if not parts:
        raise DataError(f"{', '.join(map(str, paths))}: no labelled frame; see the lists of failed frames beside")
    if len({(part.symbols, json.dumps(part.about["level"])) for part in parts}) != 1:
        raise DataError(
            f"{', '.join(map(str, paths))}: several molecules or levels of theory; run the label rule again"
        )
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    return replace(parts[0], names=tuple(name for part in parts for name in part.names), **arrays)


def _rows(frames: Sequence[Atoms], reference: Reference, folder: Path) -> tuple[dict[int, Row], dict[int, str]]:
    """Return the labels, and the reasons of the failures, by the number of the frame."""
    folder.mkdir(parents=True, exist_ok=True)
    check_device(frames[0], reference)
    rows: dict[int, Row] = {}
    failures: dict[int, str] = {}
    for index, frame in enumerate(tqdm(frames, desc=f"labels of {frames[0].symbols}", unit="frame", disable=None)):
        part, key = folder / f"{index:05d}.npz", _fingerprint(frame, reference)
        row = read_npz(part, key)
        if row is None or "polar_tensor" not in row:
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
    CalculationError
        When a label is not a number.
    """
    mf = method.mean_field(frame, reference)
    converge(mf, coarse_start(mf, reference))
    values = {
        "positions": frame.positions,
        "energy": method.energy(mf, reference) * Hartree,
        "forces": -method.gradient(mf, reference) * (Hartree / Bohr),
        "dipole": method.dipole(mf) * Bohr,
        "split": SPLITS.index(frame.info.get("split", "test")),
        "density_matrix": lib.pack_tril(method.density_matrix(mf)),
    }
    if wrong := [name for name, value in values.items() if not np.isfinite(value).all()]:
        raise CalculationError(f"{''.join(mf.mol.elements)}: {', '.join(wrong)} not finite; look at the geometry")
    tensors = np.full((len(frame), 3, 3), np.nan)
    if frame.info.get("polar"):
        tensors = _polar_tensors(mf, frame, reference)
    return {name: np.asarray(value) for name, value in {**values, "polar_tensor": tensors}.items()}


def _polar_tensors(mf: method.MeanField, frame: Atoms, reference: Reference) -> np.ndarray:
    """Return the polar tensors of a frame, not a number where a field does not converge: its other labels are good.

    The mean field is on the CPU: fields are not made for another one.
    """
    try:
        if on_gpu(reference.device):
            reference, density = reference.model_copy(update={"device": "cpu"}), method.density_matrix(mf)
            mf = method.mean_field(frame, reference)
            converge(mf, density)
        return polar_tensors(mf, reference)
    except CalculationError as error:
        log.warning("%s: without polar tensors, which its other labels do without: %s", _name(frame), error)
        return np.full((len(frame), 3, 3), np.nan)


def _fingerprint(frame: Atoms, reference: Reference) -> str:
    """Return the key of a frame's label: how hard it was computed is no part of it."""
    polar = ["polar"] if frame.info.get("polar") else []
    return fingerprint([frame.positions.tolist(), frame.info.get("split"), reference.level(), *polar])


def _name(frame: Atoms) -> str:
    info = frame.info
    return f"{info.get('campaign', '?')}/replica {info.get('replica', '?')}/step {info.get('step', '?')}"
