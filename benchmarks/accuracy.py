"""Energies and forces of a trained model beside those of MACE, trained on the same frames for the same time.

    python benchmarks/accuracy.py ethanol --mace /path/to/an/environment/with/mace-torch/bin/python

The first argument is a model that ships, or the file of one; its dataset is the set of the same name. MACE runs with
its own trainer on one thread, with the settings its documentation recommends for small molecules (see ``OPTIONS``),
energies of free atoms given, and as many epochs as fit into the time that both networks of our model took together. It
continues after a kill from ``results/accuracy``. Writes ``accuracy.md`` and ``accuracy.json`` beside this file.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.units import Hartree

from densnet.dataset import Dataset
from densnet.files import atomic
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.report.evaluation import training_seconds
from densnet.report.tables import markdown

HERE = Path(__file__).parent
ROOT = HERE.parent
SIZES = {
    "MACE 64x0e, correlation 2": {"hidden_irreps": "64x0e", "correlation": 2},
    "MACE 64x0e+64x1o, correlation 3": {"hidden_irreps": "64x0e + 64x1o", "correlation": 3},
}
OPTIONS = {
    "energy_key": "REF_energy", "forces_key": "REF_forces", "loss": "weighted", "energy_weight": 1,
    "forces_weight": 100, "r_max": 5.0, "batch_size": 5, "valid_batch_size": 10, "lr": 0.01, "ema_decay": 0.99,
    "scheduler_patience": 5, "default_dtype": "float32", "device": "cpu", "seed": 1, "model": "MACE",
    "error_table": "TotalMAE", "stage_two_energy_weight": 100, "stage_two_forces_weight": 10, "eval_interval": 5,
    "patience": 1000,
}  # fmt: skip
FLAGS = ("--ema", "--amsgrad", "--stage_two", "--restart_latest")
STAGE_TWO = 0.75
"""Share of the epochs after which energies weigh more, as MACE recommends."""


def export(dataset: Dataset, folder: Path) -> None:
    """Write the splits with the keys that MACE reads."""
    for split in ("train", "validation", "test"):
        frames = []
        for _, found in dataset.of(split):
            for positions, energy, forces in zip(found.positions, found.energy, found.forces, strict=True):
                atoms = Atoms(found.symbols, positions, info={"REF_energy": float(energy)})
                atoms.arrays["REF_forces"] = forces
                frames.append(atoms)
        with atomic(folder / f"{split}.xyz") as temporary:
            ase.io.write(temporary, frames, format="extxyz")


def run(python: str, module: str, folder: Path, *arguments: str) -> float:
    """Run a command of MACE in a folder and return its seconds."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    started = time.perf_counter()
    with open(folder / "log.txt", "a") as log:
        command = [python, "-m", f"mace.cli.{module}", *arguments]
        subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=True)
    return time.perf_counter() - started


def train(python: str, folder: Path, data: Path, options: dict[str, object], epochs: int) -> float:
    """Train for some epochs and return the seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {**OPTIONS, **options, "name": "mace", "max_num_epochs": epochs, "start_stage_two": int(STAGE_TWO * epochs)}
    own |= {"train_file": data / "train.xyz", "valid_file": data / "validation.xyz"}
    return run(python, "run_train", folder, *(f"--{key}={value}" for key, value in own.items()), *FLAGS)


def errors(python: str, folder: Path, data: Path) -> dict[str, float]:
    """Return the errors of the trained model on the test frames: energy (meV) and forces (meV/Angstrom)."""
    model = next(folder.glob("mace_stagetwo.model"), folder / "mace.model")
    run(python, "eval_configs", folder, f"--configs={data / 'test.xyz'}", f"--model={model}", "--output=found.xyz",
        "--default_dtype=float32", "--device=cpu")  # fmt: skip
    found = ase.io.read(folder / "found.xyz", ":")
    energy = [abs(atoms.info["MACE_energy"] - atoms.info["REF_energy"]) for atoms in found]
    forces = [np.abs(atoms.arrays["MACE_forces"] - atoms.arrays["REF_forces"]).ravel() for atoms in found]
    return {"energy_mae_mev": 1e3 * np.mean(energy), "force_mae_mev_angstrom": 1e3 * np.mean(np.concatenate(forces))}


def own(model: DenSNet) -> dict[str, float]:
    """Return the errors of our model on all test frames, as it says."""
    tested = model.metadata["evaluation"]["errors"]
    frames = [row["frames"] for row in tested]
    keys = ("energy_mae_mev", "force_mae_mev_angstrom")
    return {key: float(np.average([row[key] for row in tested], weights=frames)) for key in keys}


def compare(python: str, name: str, options: dict[str, object], seconds: float, data: Path) -> dict[str, float]:
    """Train one size of MACE for as many epochs as fit into a time, and return its errors."""
    folder = data / name.replace(" ", "_").replace(",", "")
    told = folder / "epochs.json"
    if not told.exists():  # how long an epoch takes, without what starting takes
        brief, longer = (train(python, folder / f"try{count}", data, options, count) for count in (1, 4))
        with atomic(told) as temporary:
            temporary.write_text(json.dumps(max(2, int(seconds / ((longer - brief) / 3)))))
    epochs = json.loads(told.read_text())
    train(python, folder, data, options, epochs)
    return {**errors(python, folder, data), "epochs": epochs, "seconds": seconds}


def main() -> None:
    """Train, compare and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="name of a model that ships, or a model file")
    parser.add_argument("--mace", required=True, help="python of an environment with mace-torch")
    parser.add_argument("--dataset", type=Path, help="default: the shipped set of the same name")
    parser.add_argument("--seconds", type=float, help="of training; default: what our model took")
    given = parser.parse_args()
    model = DenSNet.load(given.model)
    dataset = Dataset.open(given.dataset or ROOT / "data" / f"{Path(given.model).stem}.zarr.zip")
    seconds = given.seconds or training_seconds(model.metadata)
    data = (ROOT / "results" / "accuracy" / Path(given.model).stem).resolve()
    data.mkdir(parents=True, exist_ok=True)
    export(dataset, data)
    free = {atomic_numbers[symbol]: atom.energy * Hartree for symbol, atom in dataset.free_atoms.atoms.items()}
    found = {"densnet": own(model) | {"seconds": training_seconds(model.metadata)}}
    for name, options in SIZES.items():
        found[name] = compare(given.mace, name, options | {"E0s": free}, seconds, data)
    columns = {"energy_mae_mev": "energy meV", "force_mae_mev_angstrom": "force meV/Å", "seconds": "training s"}
    rows = [[name, *(f"{of[key]:.1f}" for key in columns)] for name, of in found.items()]
    text = f"# Accuracy after the same time\n\n{__doc__}\n{markdown(['model', *columns.values()], rows)}"
    for suffix, content in ((".md", text), (".json", json.dumps({"found": found, **provenance()}, indent=1) + "\n")):
        with atomic(HERE / f"accuracy{suffix}") as temporary:
            temporary.write_text(content)


if __name__ == "__main__":
    main()
