"""Errors of a model on labelled frames: everything the tables and figures of a study rest on."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import Debye
from tqdm.auto import tqdm

from densnet.config import SPLITS, Reference
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.files import atomic, sha256
from densnet.frames import FrameSet
from densnet.provenance import provenance

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet

log = logging.getLogger(__name__)

SHOWN = 2000
"""At most this many force components of a chain length are kept for the parity plot."""

Arrays = dict[str, np.ndarray]


def evaluate(
    dataset_path: Path,
    model_path: Path,
    reference: Reference,
    out: Path,
    train_frames: int | dict[int, int] | None = None,
) -> dict[str, Any]:
    """Compare a model with every labelled frame and write the errors as JSON.

    Parameters
    ----------
    dataset_path
        Labelled frames.
    model_path
        Trained model.
    reference
        Level of theory of the labels, for the density on the grid.
    out
        ``evaluation.json``: ``errors``, one row for each split and chain length; ``parity``, points of the test frames;
        ``training``, its frames by chain length and the seconds it took.
    train_frames
        How many of the training frames the model has seen (see `Dataset.learning_from`); by default all.

    Returns
    -------
    dict
        What was written.
    """
    from densnet.models.densnet import DenSNet  # not for those who only read: torch takes seconds

    dataset, model = Dataset.open(dataset_path).learning_from(train_frames), DenSNet.load(model_path)
    errors, parity = [], {}
    for split in SPLITS:
        for length, frames in dataset.of(split):
            predicted = predict(model, frames)
            row = {"split": split, "length": length, **errors_of(frames, predicted)}
            if split == "test":
                row["density"] = density_errors(frames, predicted, dataset, reference)
                row["overlap_angstrom"] = overlap_with_training(dataset, length, frames)
                parity[str(length)] = parity_points(frames, predicted)
            errors.append(row)
            log.info("%s, %d monomer(s): %s", split, length, row)
    result = {
        "errors": errors,
        "parity": parity,
        "functions": {symbol: dataset.basis.size(symbol) for symbol in dataset.basis.shells},
        "train_lengths": [length for length, _ in dataset.of("train")],
        "training": {
            "frames": {str(length): len(frames) for length, frames in dataset.of("train")},
            "seconds": training_seconds(model.metadata),
        },
        "provenance": provenance(dataset=sha256(dataset_path), model=sha256(model_path)),
    }
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    return result


def training_seconds(metadata: dict[str, Any]) -> float | None:
    """Return how long the networks of a model with this metadata were trained; None where it does not say."""
    seconds = [metadata.get(f"{network}_training", {}).get("seconds") for network in ("density", "energy")]
    later = metadata.get("density_training", {}).get("grid", {}), metadata.get("joint_training", {})
    return None if None in seconds else sum(seconds) + sum(phase.get("seconds", 0.0) for phase in later)


def read(path: str | Path) -> dict[str, Any]:
    """Read an evaluation; raise `DataError` when it is missing or damaged."""
    try:
        values = json.loads(Path(path).read_text())
        return {name: values[name] for name in ("errors", "parity", "train_lengths")} | values
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not an evaluation ({error}); delete it and run the rule again") from None


def predict(model: DenSNet, frames: FrameSet) -> Arrays:
    """Return the model's energy (n,), forces (n, A, 3), dipole (n, 3) and expansion (n, C) of frames."""
    from densnet.models.density import Expansion

    symbols = list(frames.symbols)
    rows = [
        {name: value.cpu().numpy() for name, value in model.properties(model.graph([(symbols, positions)])).items()}
        for positions in tqdm(frames.positions, desc="predicting", disable=None, leave=False)
    ]
    return {
        "energy": np.array([row["energy"][0] for row in rows], float),
        "forces": np.array([row["forces"] for row in rows], float),
        "dipole": np.array([row["dipole"][0] for row in rows], float),
        **{name: np.array([row[name] for row in rows], float) for name in Expansion._fields},
    }


def errors_of(frames: FrameSet, predicted: Arrays) -> dict[str, Any]:
    """Return mean absolute errors beside the size of what is predicted, and the errors of the labels themselves."""
    atoms = len(frames.symbols)
    energy = (predicted["energy"] - frames.energy) * 1e3
    forces = (predicted["forces"] - frames.forces) * 1e3
    dipole = np.linalg.norm(predicted["dipole"] - frames.dipole, axis=1) / Debye
    return {
        "frames": len(frames),
        "atoms": atoms,
        "energy_mae_mev": float(np.abs(energy).mean()),
        "energy_mae_mev_atom": float(np.abs(energy).mean() / atoms),
        "energy_mae_centred_mev": float(np.abs(energy - energy.mean()).mean()),
        "energy_std_mev": float(1e3 * frames.energy.std()),
        "force_mae_mev_angstrom": float(np.abs(forces).mean()),
        "force_rms_mev_angstrom": float(1e3 * np.sqrt((frames.forces**2).mean())),
        "dipole_mae_debye": float(dipole.mean()),
        "dipole_mean_debye": float(np.linalg.norm(frames.dipole, axis=1).mean() / Debye),
        "label_charge_error_max": float(np.abs(frames.charge_error).max()),
        "label_dipole_error_max_debye": float(np.abs(frames.dipole_error).max()),
        "label_condition_max": float(frames.condition.max()),
    }


def density_errors(frames: FrameSet, predicted: Arrays, dataset: Dataset, reference: Reference) -> dict[str, Any]:
    """Return the three density errors, percent of the electrons against DFT: prior, fit floor and model.

    The model is measured on the frames whose density matrix was kept; all three are means over the same frames.
    """
    from densnet.reference.grid_errors import density_error

    kept = frames.density_matrix_frame
    found = []
    for packed, frame in tqdm(
        zip(frames.density_matrix, kept, strict=True), total=len(kept), desc="density on the grid", disable=None
    ):
        found.append(
            density_error(
                list(frames.symbols), frames.positions[frame], packed, predicted["coefficients"][frame], dataset.basis,
                dataset.free_atoms, reference, predicted["logarithms"][frame],
            )
        )  # fmt: skip
    return {
        "prior": _mean(frames.prior_error[kept]),
        "floor": _mean(frames.floor_error[kept]),
        "model": _mean(found),
        "frames": len(kept),
    }


def overlap_with_training(dataset: Dataset, length: int, test: FrameSet) -> float | None:
    """Return the median over test frames of the smallest RMSD to a training frame, Å; None for untrained lengths."""
    from densnet.reference.overlap import overlap

    train = dict(dataset.of("train")).get(length)
    if train is None:
        return None
    return float(overlap(train.positions, test.positions, list(test.symbols)))


def parity_points(frames: FrameSet, predicted: Arrays) -> dict[str, Any]:
    """Return pairs (reference, prediction): energies (meV/atom about the mean), forces (eV/Å), dipoles (D)."""
    atoms = len(frames.symbols)
    centre = frames.energy.mean()
    forces = np.stack([frames.forces.ravel(), predicted["forces"].ravel()], axis=1)
    every = int(np.ceil(len(forces) / SHOWN))
    energy = np.stack([frames.energy - centre, predicted["energy"] - centre], axis=1) * 1e3 / atoms
    dipole = np.stack([frames.dipole.ravel(), predicted["dipole"].ravel()], axis=1) / Debye
    return {
        name: np.round(values, 5).tolist()
        for name, values in {"energy": energy, "forces": forces[::every], "dipole": dipole}.items()
    }


def _mean(values: Any) -> float | None:  # noqa: ANN401 - a list or an array
    return float(np.mean(values)) if len(values) else None
