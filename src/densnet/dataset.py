"""The labelled frames of a study: one Zarr group for each chain length, in one zip file written by one process.

Fitting jobs leave one HDF5 file for each chunk of labelled frames; `gather` checks them and writes the store that
training and evaluation read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr
from zarr.errors import GroupNotFoundError
from zarr.storage import ZipStore

from densnet.acceptance import check_failures, check_fits
from densnet.basis import AuxiliaryBasis
from densnet.config import Labels
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.prior import FreeAtoms
from densnet.provenance import provenance

VERSION = 1
SPLITS = ("train", "validation", "test")


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
        (frames,), index into `SPLITS`.
    charge_error
        (frames,), electrons that the fitted density has too many.
    dipole_error
        (frames,), distance of the fitted dipole from that of DFT, Debye.
    condition
        (frames,), condition number of the regularised Coulomb metric.
    prior_error, floor_error
        (frames,), integrated absolute error of the free atoms and of the fit against the DFT density on the frame's
        Becke grid, percent of the electrons; not a number where it was not computed.
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
        renumbered = np.array([place[int(self.density_matrix_frame[k])] for k in kept], dtype=int)
        kept_matrices = {"density_matrix": self.density_matrix[kept], "density_matrix_frame": renumbered}
        return replace(self, names=tuple(self.names[k] for k in index), **chosen, **kept_matrices)


KEPT = ("density_matrix", "density_matrix_frame")
PER_FRAME = tuple(field.name for field in fields(FrameSet) if field.name not in ("symbols", "names", *KEPT))


@dataclass(frozen=True)
class Dataset:
    """All labelled frames of a study.

    Attributes
    ----------
    frames
        Chain length to frames.
    basis
        Auxiliary basis of the coefficients.
    free_atoms
        The prior.
    meta
        Level of theory and provenance.
    """

    frames: dict[int, FrameSet]
    basis: AuxiliaryBasis
    free_atoms: FreeAtoms
    meta: dict[str, Any]

    @property
    def lengths(self) -> list[int]:
        """Chain lengths, ascending."""
        return sorted(self.frames)

    def __getitem__(self, length: int) -> FrameSet:
        return self.frames[length]

    def of(self, split: str) -> Iterator[tuple[int, FrameSet]]:
        """Yield each chain length that has frames in a split, with those frames."""
        for length in self.lengths:
            chosen = self.frames[length].select(split)
            if len(chosen):
                yield length, chosen

    @classmethod
    def open(cls, path: str | Path) -> Dataset:
        """Read a dataset into memory; raise `DataError` when it is missing, damaged or of another version."""
        _check_sums(path)
        with ZipStore(path, mode="r") as store:
            try:
                root = zarr.open_group(store, mode="r")
            except GroupNotFoundError:
                raise DataError(f"{path}: a zip file, but not a dataset; name a dataset.zarr.zip") from None
            meta = dict(root.attrs)
            if meta.get("version") != VERSION:
                raise DataError(f"{path}: dataset version {meta.get('version')}; this version reads {VERSION}")
            frames = {int(name): _read(group) for name, group in root.groups()}
        basis, atoms = AuxiliaryBasis.from_dict(meta.pop("basis")), FreeAtoms.from_dict(meta.pop("free_atoms"))
        return cls(frames, basis, atoms, meta)


def _check_sums(path: str | Path) -> None:
    """Raise `DataError` unless every member of the zip file has the checksum it was written with."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable dataset ({error}); delete it and run the gather rule") from None
    if damaged:
        raise DataError(f"{path}: damaged at {damaged}; delete it and run the gather rule")


def _read(group: zarr.Group) -> FrameSet:
    arrays = {name: group[name][:] for name in (*PER_FRAME, *KEPT)}
    return FrameSet(symbols=tuple(group.attrs["symbols"]), names=tuple(group.attrs["names"]), **arrays)


def gather(
    chunks: Mapping[int, Sequence[Path]],
    out: Path,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    meta: dict[str, Any],
    *,
    failed: Mapping[int, Sequence[Path]] | None = None,
    labels: Labels | None = None,
) -> None:
    """Check the label files of a study and write them as one dataset.

    Parameters
    ----------
    chunks
        Chain length to its files of fitted labels, in order.
    out
        Zip file of the Zarr store.
    basis, free_atoms
        What the labels were fitted with.
    meta
        What else the dataset must say about itself; JSON-ready.
    failed
        Chain length to the lists of its frames without labels.
    labels
        How many of those, and how poor fits, are accepted; by default what is accepted of a study that does not say.

    Raises
    ------
    CalculationError
        When of a chain length too large a share of the frames failed, or the fit of a frame is too poor.
    DataError
        A file that is damaged, or whose composition or number of coefficients does not fit the others.
    """
    own = {"version": VERSION, "splits": SPLITS, "basis": basis.to_dict(), "free_atoms": free_atoms.to_dict()}
    hashes = {str(path): sha256(path) for paths in chunks.values() for path in paths}
    with atomic(out) as temporary, ZipStore(temporary, mode="w") as store:
        attributes = own | {"provenance": provenance(inputs=hashes), **meta}
        root = zarr.create_group(store, attributes=json.loads(json.dumps(attributes)))
        for length, paths in chunks.items():
            parts = [read_chunk(path) for path in paths]
            check_failures(length, sum(map(len, parts)), (failed or {}).get(length, ()), labels or Labels())
            frames = _join(parts, paths)
            check_fits(length, frames, labels or Labels())
            if frames.coefficients.shape[1] != basis.offsets(frames.symbols)[-1]:
                raise DataError(f"{paths[0]}: fitted in another basis than {basis.name!r}; run the fit rule again")
            group = root.create_group(str(length), attributes={"symbols": frames.symbols, "names": frames.names})
            for name in (*PER_FRAME, *KEPT):
                group.create_array(name, data=getattr(frames, name))


def read_chunk(path: Path) -> FrameSet:
    """Read one file of fitted labels; raise `DataError` when it is damaged or incomplete."""
    try:
        with h5py.File(path) as file:
            arrays = {name: file[name][:] for name in (*PER_FRAME, *KEPT)}
            symbols, names = tuple(json.loads(file.attrs["symbols"])), tuple(file["frame"].asstr()[:])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path}: damaged or incomplete label file ({error}); delete it and run again") from None
    counts = {len(names), *(len(arrays[name]) for name in PER_FRAME)}
    if len(counts) != 1 or not all(np.isfinite(arrays[name]).all() for name in ("energy", "forces", "coefficients")):
        raise DataError(f"{path}: label file with missing or non-finite labels; delete it and run again")
    return FrameSet(symbols=symbols, names=names, **arrays)


def _join(parts: Sequence[FrameSet], paths: Sequence[Path]) -> FrameSet:
    """Return the frames of several label files as one set; a file without frames adds none."""
    filled = [(part, path) for part, path in zip(parts, paths, strict=True) if len(part)]
    if not filled:
        raise DataError(f"{', '.join(map(str, paths))}: no labelled frame; see the lists of failed frames beside")
    parts, paths = zip(*filled, strict=True)
    first = parts[0]
    for part, path in zip(parts, paths, strict=True):
        if part.symbols != first.symbols or part.coefficients.shape[1] != first.coefficients.shape[1]:
            raise DataError(f"{path}: atoms or basis differ from those of {paths[0]}; delete both and run again")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*PER_FRAME, "density_matrix")}
    starts = np.cumsum([0, *(len(part) for part in parts)])
    kept = [part.density_matrix_frame + start for part, start in zip(parts, starts, strict=False)]
    names = tuple(name for part in parts for name in part.names)
    return FrameSet(symbols=first.symbols, names=names, **arrays, density_matrix_frame=np.concatenate(kept))
