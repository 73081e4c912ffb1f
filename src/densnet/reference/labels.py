"""Labels of one chunk of frames: energy, forces, dipole and the fitted density difference of each."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from pyscf import lib
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import Reference
from densnet.dataset import PER_FRAME, SPLITS
from densnet.errors import CalculationError, DataError
from densnet.files import atomic
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.reference import method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.fitting import fit
from densnet.reference.grid_errors import absolute_error, auxiliary_density, becke, orbital_densities

log = logging.getLogger(__name__)

Row = dict[str, np.ndarray]


def label(
    frames: Sequence[Atoms],
    reference: Reference,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    *,
    out: str | Path,
    failed: str | Path,
    meta: dict[str, Any] | None = None,
) -> int:
    """Label frames of one molecule and write those that converged as one HDF5 file, which may hold none.

    `densnet.dataset.gather` refuses a study with too many failures, or with too poor fits.

    Each finished frame is kept in a folder beside the output (suffix ``.part``) until all are, so that a killed job
    continues where it stopped. No frame uses anything of another, so labels do not depend on where a job was killed.

    Parameters
    ----------
    frames
        Structures; ``info`` holds split, campaign, replica and step.
    reference
        Level of theory.
    basis, free_atoms
        What the density is expanded in, and the prior.
    out
        The HDF5 file, as `densnet.dataset.read_chunk` reads it.
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
    folder = out.with_suffix(".part")
    rows, failures = _rows(frames, reference, basis, free_atoms, folder)
    names = [_name(frame) for frame in frames]
    with atomic(failed) as temporary:
        entries = [{"frame": names[index], "error": error} for index, error in failures.items()]
        temporary.write_text(json.dumps(entries, indent=1))
    described = {"reference": reference.model_dump(), "basis": basis.name, "failed": len(failures), **(meta or {})}
    labelled = {names[index]: row for index, row in rows.items()}
    _write(out, frames[0].get_chemical_symbols(), labelled, provenance(**described))
    shutil.rmtree(folder, ignore_errors=True)
    return len(rows)


def _rows(
    frames: Sequence[Atoms], reference: Reference, basis: AuxiliaryBasis, free_atoms: FreeAtoms, folder: Path
) -> tuple[dict[int, Row], dict[int, str]]:
    """Return the labels, and the reasons of the failures, by the number of the frame."""
    symbols = one_molecule(frames)
    folder.mkdir(parents=True, exist_ok=True)
    prior = PriorMatrices(symbols, reference)
    prior.check(free_atoms)
    rows: dict[int, Row] = {}
    failures: dict[int, str] = {}
    for index, frame in enumerate(tqdm(frames, desc=f"labels of {frames[0].symbols}", unit="frame", disable=None)):
        part, key = folder / f"{index:05d}.npz", _fingerprint(frame, reference, basis)
        row = _read_part(part, key)
        if row is None:
            try:
                row = label_frame(frame, reference, basis, prior)
            except CalculationError as error:
                log.warning("%s: %s", _name(frame), error)
                failures[index] = str(error)
                continue
            with atomic(part) as temporary:
                np.savez(temporary, fingerprint=key, **row)
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


def label_frame(frame: Atoms, reference: Reference, basis: AuxiliaryBasis, prior: PriorMatrices) -> Row:
    """Return the labels of one structure by their names in `densnet.dataset.FrameSet`.

    Raises
    ------
    ConvergenceError
        When the self-consistent field does not converge.
    """
    mf = method.mean_field(frame, reference)
    method.converge(mf)
    mol, matrix = mf.mol, method.density_matrix(mf)
    free = prior.density_matrix(mol)
    fitted = fit(mol, matrix - free, basis)
    grids = becke(mol, reference.grid_level)
    target, superposed = orbital_densities(mol, grids, matrix, free)
    residual = superposed + auxiliary_density(mol, basis, fitted.coefficients, grids.coords) - target
    values = asdict(fitted) | {
        "positions": frame.positions,
        "energy": method.energy(mf, reference) * Hartree,
        "forces": -method.gradient(mf, reference) * (Hartree / Bohr),
        "dipole": method.dipole(mf) * Bohr,
        "split": SPLITS.index(frame.info.get("split", "test")),
        "prior_error": absolute_error(superposed - target, grids, mol),
        "floor_error": absolute_error(residual, grids, mol),
        "density_matrix": lib.pack_tril(matrix),
    }
    return {name: np.asarray(value) for name, value in values.items()}


def _read_part(part: Path, key: str) -> Row | None:
    try:
        with np.load(part) as file:
            row = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
    return row if str(row.pop("fingerprint", "")) == key else None


def _fingerprint(frame: Atoms, reference: Reference, basis: AuxiliaryBasis) -> str:
    text = json.dumps([frame.positions.tolist(), frame.info.get("split"), reference.fingerprint(), basis.to_dict()])
    return sha256(text.encode()).hexdigest()


def _name(frame: Atoms) -> str:
    info = frame.info
    return f"{info.get('campaign', '?')}/replica {info.get('replica', '?')}/step {info.get('step', '?')}"


def _write(out: Path, symbols: list[str], rows: dict[str, Row], described: dict[str, Any]) -> None:
    """Write the labels of frames, given by their names."""
    frames = list(rows.values())
    kept = [number for number, row in enumerate(frames) if row["split"] == SPLITS.index("test")]
    # Single precision halves the file; on a grid it is a thousandth of the floor of any fit.
    matrices = np.array([row["density_matrix"] for row in frames], dtype=np.float32)[kept]
    with atomic(out) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["symbols"] = json.dumps(symbols)
        file.attrs["provenance"] = json.dumps(described)
        file.create_dataset("frame", data=list(rows), dtype=h5py.string_dtype())
        for name in PER_FRAME:
            file.create_dataset(name, data=np.array([row[name] for row in frames]), fletcher32=bool(frames))
        file.create_dataset("density_matrix", data=matrices)
        file.create_dataset("density_matrix_frame", data=np.array(kept, dtype=int))
