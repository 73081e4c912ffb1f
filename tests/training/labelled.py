"""A dataset with an answer: labels made by a model with random weights."""

import json

import h5py
import numpy as np
from ase.build import molecule
from tests import toys

from densnet.dataset import PER_FRAME, gather


def frames(name, number, seed):
    rng = np.random.default_rng(seed)
    atoms = molecule(name)
    return atoms.get_chemical_symbols(), [atoms.positions + rng.normal(0, 0.05, (len(atoms), 3)) for _ in range(number)]


def write(path, symbols, positions, splits, teacher):
    """Write one label file as the reference does, with a teacher's numbers in it."""
    found = [teacher.properties(teacher.graph([(symbols, one)])) for one in positions]
    values = {"positions": positions, "split": splits}
    values |= {name: [one[name].numpy() for one in found] for name in ("forces", "coefficients")}
    values |= {name: [one[name][0].numpy() for one in found] for name in ("energy", "dipole")}
    with h5py.File(path, "w") as file:
        for name in PER_FRAME:
            file[name] = np.array(values.get(name, np.zeros(len(positions))))
        file["frame"] = [f"toy/replica 0/step {k}" for k in range(len(positions))]
        file["density_matrix"], file["density_matrix_frame"] = np.zeros((0, 1)), np.zeros(0, dtype=int)
        file.attrs["symbols"] = json.dumps(symbols)
    return path


def dataset(folder, counts=(6, 2, 0)):
    """Write a dataset of water and methane; ``counts`` are the frames of each split."""
    teacher = toys.model(7)
    splits = np.repeat(np.arange(3), counts)
    chunks = {}
    for length, name in enumerate(("H2O", "CH4"), start=1):
        symbols, positions = frames(name, len(splits), seed=length)
        chunks[length] = [write(folder / f"{length}.h5", symbols, positions, splits, teacher)]
    gather(chunks, folder / "dataset.zip", toys.basis(), toys.free_atoms(), {})
    return folder / "dataset.zip"
