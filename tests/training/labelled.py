"""A dataset with an answer: labels made by a model with random weights."""

import numpy as np
from ase.build import molecule
from tests import toys

from densnet.config import fingerprint
from densnet.dataset import gather
from densnet.frames import PER_FRAME, FrameFile


def frames(name, number, seed):
    rng = np.random.default_rng(seed)
    atoms = molecule(name)
    return atoms.get_chemical_symbols(), [atoms.positions + rng.normal(0, 0.05, (len(atoms), 3)) for _ in range(number)]


def about_fits(basis, free_atoms, level=None):
    """Return what a file of fitted labels says about itself."""
    parts = {"basis": fingerprint(basis.to_dict()), "free_atoms": fingerprint(free_atoms.to_dict())}
    return parts | {"level": level, "labels": {"versions": {"pyscf": "1.0"}}, "provenance": {}}


def write(path, symbols, positions, splits, teacher, polar=False):
    """Write one file of fitted labels as the reference does, with a teacher's numbers in it; ``polar`` tensors too."""
    found = [teacher.properties(teacher.graph([(symbols, one)])) for one in positions]
    values = {"positions": positions, "split": splits}
    values |= {name: [one[name].numpy() for one in found] for name in ("forces", "coefficients")}
    values |= {name: [one[name][0].numpy() for one in found] for name in ("energy", "dipole")}
    derivatives = [teacher.dipole_derivatives(teacher.graph([(symbols, one)])) for one in positions if polar]
    missing = np.full((len(positions), len(symbols), 3, 3), np.nan)
    values["polar_tensor"] = np.array(derivatives).reshape(missing.shape) if polar else missing
    arrays = {name: np.array(values.get(name, np.zeros(len(positions)))) for name in PER_FRAME}
    arrays |= {"density_matrix": np.zeros((0, 1)), "density_matrix_frame": np.zeros(0, dtype=int)}
    names = tuple(f"toy/replica 0/step {k}" for k in range(len(positions)))
    about = about_fits(toys.basis(), toys.free_atoms())
    FrameFile(tuple(symbols), names, arrays, about).write(path)
    return path


def dataset(folder, counts=(6, 2, 0), polar=False):
    """Write a dataset of water and methane; ``counts`` are the frames of each split, ``polar``: with polar tensors."""
    teacher = toys.model(7)
    splits = np.repeat(np.arange(3), counts)
    chunks = {}
    for length, name in enumerate(("H2O", "CH4"), start=1):
        symbols, positions = frames(name, len(splits), seed=length)
        chunks[length] = [write(folder / f"{length}.h5", symbols, positions, splits, teacher, polar)]
    gather(chunks, folder / "dataset.zip", toys.basis(), toys.free_atoms(), {})
    return folder / "dataset.zip"
