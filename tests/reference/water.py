"""Small molecules at a level that takes a tenth of a second."""

import numpy as np
from ase.build import molecule

from densnet.config import Reference

LEVEL = Reference(basis="STO-3G", grid_level=0, conv_tol=1e-9, device="cpu")
SVP = Reference(basis="def2-SVP", grid_level=0, conv_tol=1e-10, device="cpu")


def rattled(name="H2O", amount=0.03, seed=0):
    atoms = molecule(name)
    atoms.positions += np.random.default_rng(seed).normal(size=(len(atoms), 3)) * amount
    atoms.info = {"split": "train", "campaign": "toy", "replica": seed, "step": 0}
    return atoms
