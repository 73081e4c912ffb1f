"""Small molecules at a level that takes a tenth of a second."""

import numpy as np
from ase.build import molecule

from densnet.config import Reference

LEVEL = Reference(basis="STO-3G", grid_level=0, conv_tol=1e-9, device="cpu")
SVP = Reference(basis="def2-SVP", grid_level=0, conv_tol=1e-10, device="cpu")


def labelled(folder, splits, reference):
    """Label one rattled water molecule for each split named, and return the file."""
    from densnet.reference import labels

    frames = [rattled(seed=k) for k in range(len(splits))]
    for frame, split in zip(frames, splits, strict=True):
        frame.info["split"] = split
    labels.label(frames, reference, out=folder / "labels.h5", failed=folder / "failed.json")
    return folder / "labels.h5"


def rattled(name="H2O", amount=0.03, seed=0):
    atoms = molecule(name)
    atoms.positions += np.random.default_rng(seed).normal(size=(len(atoms), 3)) * amount
    atoms.info = {"split": "train", "campaign": "toy", "replica": seed, "step": 0}
    return atoms
