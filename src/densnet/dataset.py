"""The labelled frames of a study: one Zarr group for each chain length, in one zip file written by one process.

Fitting jobs leave one HDF5 file for each chunk of labelled frames; `gather` checks them and writes the store that
training and evaluation read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.errors import GroupNotFoundError
from zarr.storage import ZipStore

from densnet.acceptance import check_failures, check_fits
from densnet.basis import AuxiliaryBasis
from densnet.config import SPLITS, Labels, fingerprint
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.frames import KEPT, PER_FRAME, FrameFile, FrameSet, completed
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.seeds import seed

VERSION = 1


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

    def require_densities(self) -> None:
        """Raise `DataError` unless there are DFT densities of training and of validation frames."""
        for split in ("train", "validation"):
            if not any(len(frames.density_matrix) for _, frames in self.of(split)):
                raise DataError(
                    f"dataset: no DFT densities of {split} frames; say labels.keep_densities: [train, validation, test]"
                )

    def learning_from(self, train_frames: int | Mapping[int, int] | None) -> Dataset:
        """Return the dataset with fewer training frames; the other splits stay.

        The frames come in one random order that only the study's seed decides, so a smaller number is part of a larger
        one.

        Parameters
        ----------
        train_frames
            How many in all, or how many of each chain length (of those not named, none); None for all there are.
        """
        if train_frames is None:
            return self
        study_seed, every = self.meta.get("study", {}).get("seed", 0), []
        for length, frames in self.frames.items():
            train = np.flatnonzero(frames.split == SPLITS.index("train"))
            every += [(seed(study_seed, "train_frames", length, frames.names[k]), length, int(k)) for k in train]
        every.sort()
        if isinstance(train_frames, int):
            kept = every[:train_frames]
        else:
            kept = [one for n, count in train_frames.items() for one in [e for e in every if e[1] == n][:count]]
        return replace(self, frames={length: self._keeping(length, kept) for length in self.frames})

    def _keeping(self, length: int, kept: Sequence[tuple[int, int, int]]) -> FrameSet:
        frames = self.frames[length]
        others = np.flatnonzero(frames.split != SPLITS.index("train"))
        return frames.take(np.sort([*others, *(k for _, n, k in kept if n == length)]).astype(int))

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
    except Exception as error:  # a damaged archive raises whatever its readers come across
        raise DataError(
            f"{path}: not a readable dataset ({error}); name a dataset.zarr.zip, restore a shipped set, or run the "
            "gather rule again"
        ) from None
    if damaged:
        raise DataError(f"{path}: damaged at {damaged}; run the gather rule again, or restore a shipped set")


def _read(group: zarr.Group) -> FrameSet:
    arrays = completed({name: array[:] for name, array in group.arrays()})
    chosen = {name: arrays[name] for name in (*PER_FRAME, *KEPT)}
    return FrameSet(symbols=tuple(group.attrs["symbols"]), names=tuple(group.attrs["names"]), **chosen)


def gather(
    fits: Mapping[int, Sequence[Path]],
    out: Path,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    meta: dict[str, Any],
    *,
    failed: Mapping[int, Sequence[Path]] | None = None,
    labels: Labels | None = None,
) -> None:
    """Check the fitted labels of a study and write them as one dataset.

    Parameters
    ----------
    fits
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
        A file that is damaged, or whose atoms, level of theory, basis or prior are not those of the others.
    """
    labels = labels or Labels()
    own = {"version": VERSION, "splits": SPLITS, "basis": basis.to_dict(), "free_atoms": free_atoms.to_dict()}
    own["provenance"] = provenance(inputs={str(path): sha256(path) for paths in fits.values() for path in paths})
    belongs = {"basis": fingerprint(basis.to_dict()), "free_atoms": fingerprint(free_atoms.to_dict())}
    belongs |= {"level": meta["study"]["reference"]} if "study" in meta else {}
    found: dict[int, FrameSet] = {}
    for length, paths in fits.items():
        files = [FrameFile.read(path, "fit") for path in paths]
        for path, file in zip(paths, files, strict=True):
            if other := [name for name, value in belongs.items() if file.about[name] != value]:
                raise DataError(f"{path}: fitted with another {', '.join(other)}; run the fit rule again")
        check_failures(length, sum(len(file.names) for file in files), (failed or {}).get(length, ()), labels)
        found[length] = _join(files, paths)
        check_fits(length, found[length], labels)
        own["labels"] = next(file.about["labels"] for file in files if file.names)
    with atomic(out) as temporary, ZipStore(temporary, mode="w") as store:
        root = zarr.create_group(store, attributes=json.loads(json.dumps(own | meta)))
        for length, frames in found.items():
            group = root.create_group(str(length), attributes={"symbols": frames.symbols, "names": frames.names})
            for name in (*PER_FRAME, *KEPT):
                group.create_array(name, data=getattr(frames, name))


def _join(files: Sequence[FrameFile], paths: Sequence[Path]) -> FrameSet:
    """Return the frames of several files as one set; a file without frames adds none."""
    filled = [(file, path) for file, path in zip(files, paths, strict=True) if file.names]
    if not filled:
        raise DataError(
            f"{', '.join(map(str, paths))}: no labelled frame; see the lists of failed frames of its labels"
        )
    first = filled[0][0]
    for file, path in filled:
        if file.symbols != first.symbols:
            raise DataError(f"{path}: other atoms than in {filled[0][1]}; run the label rule again")
    parts = [completed(file.arrays) for file, _ in filled]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in (*PER_FRAME, "density_matrix")}
    starts = np.cumsum([0, *(len(file.names) for file, _ in filled)])
    kept = [part["density_matrix_frame"] + start for part, start in zip(parts, starts, strict=False)]
    names = tuple(name for file, _ in filled for name in file.names)
    return FrameSet(symbols=first.symbols, names=names, **arrays, density_matrix_frame=np.concatenate(kept))
