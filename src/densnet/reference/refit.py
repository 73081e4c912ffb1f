"""A dataset in another auxiliary basis, or against another prior, from the DFT densities that it keeps."""

from __future__ import annotations

import tempfile
from pathlib import Path

from densnet.config import Basis, Labels, Reference
from densnet.dataset import Dataset, gather
from densnet.errors import DataError
from densnet.files import sha256
from densnet.frames import FrameSet
from densnet.provenance import provenance
from densnet.reference.atoms import free_atoms
from densnet.reference.fits import fit_frames
from densnet.reference.labels import ARRAYS, LabelledFrames
from densnet.reference.natural import make_basis


def refit(dataset: Path, reference: Reference, basis: Basis, labels: Labels, out: Path) -> None:
    """Fit the densities of all frames of a dataset again.

    Parameters
    ----------
    dataset
        Dataset that keeps the density matrices of all its frames (``labels.keep_densities``).
    reference
        Its level of theory.
    basis
        Auxiliary basis and prior of the new one.
    labels
        How poor fits are accepted, and which densities are kept.
    out
        The new dataset.

    Raises
    ------
    DataError
        A frame without its density matrix.
    CalculationError
        A fit that is too poor, or a basis too nearly dependent.
    """
    known = Dataset.open(dataset)
    frames = {length: _labelled(known, length) for length in known.lengths}
    trained = [length for length, _ in known.of("train")]
    chosen = [length for length in trained if length <= basis.max_length] or trained[:1]
    behind = {length: frames[length].of("train") for length in chosen}
    made, floor = make_basis(behind, reference, basis)
    symbols = sorted({symbol for one in frames.values() for symbol in one.symbols})
    prior = free_atoms(symbols, reference, basis.prior)
    study = known.meta.get("study", {}) | {"basis": basis.key()}
    meta = {"name": known.meta.get("name"), "study": study, "floor": floor}
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        fits = {length: [Path(folder) / f"{length}.h5"] for length in frames}
        for length, (path,) in fits.items():
            about = {"provenance": provenance(inputs={str(dataset): sha256(dataset)})}
            fit_frames(frames[length], reference, made, prior, path, labels.keep_densities, about)
        gather(fits, out, made, prior, meta, labels=labels)


def _labelled(dataset: Dataset, length: int) -> LabelledFrames:
    """Return the frames of a chain length as labelling left them."""
    frames: FrameSet = dataset[length]
    if sorted(frames.density_matrix_frame) != list(range(len(frames))):
        raise DataError(
            f"dataset: {len(frames) - len(frames.density_matrix)} frames of {length} monomer(s) without their density; "
            "say labels.keep_densities: [train, validation, test]"
        )
    frames = frames.take(frames.density_matrix_frame)
    arrays = {name: getattr(frames, name) for name in ARRAYS}
    about = {"level": dataset.meta.get("study", {}).get("reference"), "provenance": dataset.meta["labels"]}
    return LabelledFrames(frames.symbols, frames.names, **arrays, about=about)
