"""Energies and forces of our model and of MACE, trained on the same frames for the same time.

    python benchmarks/accuracy.py ethanethiol --mace /path/to/an/environment/with/mace-torch/bin/python

The first argument is a study whose reference set ships. One after the other, on one thread: our networks, by ``densnet
train`` with the settings of the study, then MACE, by its own trainer with the settings that its documentation
recommends for small molecules (see ``OPTIONS``), energies of free atoms given, and as many epochs as fill the time that
our networks took together. Seconds are those by the clock. It continues after a kill from ``results/accuracy``;
remove its folder there to begin anew. Errors are means over test frames, for energies, and over all components of their
forces, of each chain length by itself. Writes ``accuracy.md`` and ``accuracy.json`` beside this file, which keep what
they have of other studies.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
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
from densnet.report.evaluation import predict, training_seconds
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
    "error_table": "TotalMAE", "stage_two_energy_weight": 100, "stage_two_forces_weight": 10, "eval_interval": 1,
    "patience": 1000,
}  # fmt: skip
FLAGS = ("--ema", "--amsgrad", "--stage_two", "--restart_latest")
STAGE_TWO = 0.75
"""Share of the epochs after which energies weigh more, as MACE recommends."""
TRIED = 2, 6
"""Epochs after which the time of one is known; each has both stages."""
HEARTBEAT = 30.0
"""Seconds after which it is noted how long a training has taken, for when it is killed."""


def export(dataset: Dataset, folder: Path) -> list[Atoms]:
    """Write the splits with the keys that MACE reads, and return the test frames."""
    for split in ("train", "validation", "test"):
        frames = []
        for length, found in dataset.of(split):
            for positions, energy, forces in zip(found.positions, found.energy, found.forces, strict=True):
                atoms = Atoms(found.symbols, positions, info={"REF_energy": float(energy), "length": length})
                atoms.arrays["REF_forces"] = forces
                frames.append(atoms)
        with atomic(folder / f"{split}.xyz") as temporary:
            ase.io.write(temporary, frames, format="extxyz")
    return frames


def errors(energies: Sequence[float], forces: Sequence[np.ndarray], frames: Sequence[Atoms]) -> list[dict[str, float]]:
    """Return the errors of predictions by chain length: energy (meV) and forces (meV/Angstrom), against the labels."""
    rows = []
    for length in sorted({atoms.info["length"] for atoms in frames}):
        chosen = [k for k, atoms in enumerate(frames) if atoms.info["length"] == length]
        energy = [abs(energies[k] - frames[k].info["REF_energy"]) for k in chosen]
        force = [np.abs(forces[k] - frames[k].arrays["REF_forces"]).ravel() for k in chosen]
        rows.append({
            "length": int(length), "frames": len(chosen), "energy_mae_mev": 1e3 * float(np.mean(energy)),
            "force_mae_mev_angstrom": 1e3 * float(np.mean(np.concatenate(force))),
        })  # fmt: skip
    return rows


def ours(study: str, set_: Path, folder: Path, frames: Sequence[Atoms]) -> dict[str, object]:
    """Train the networks of a study, and return the errors of the model and the seconds that they took."""
    out = folder / "densnet" / "model.pt"
    out.parent.mkdir(exist_ok=True)
    settings = ROOT / "workflow" / "studies" / f"{study}.yaml"
    run([sys.executable, "-m", "densnet.cli", "train", str(settings), str(set_), "-o", str(out)], out.parent)
    model = DenSNet.load(out)
    found = [predict(model, chosen) for _, chosen in Dataset.open(set_).of("test")]
    energies = np.concatenate([one["energy"] for one in found])
    rows = errors(energies, [forces for one in found for forces in one["forces"]], frames)
    made = {name: model.metadata["energy_training"].get(name) for name in provenance()}
    return {"errors": rows, "seconds": training_seconds(model.metadata), **made}


def run(command: Sequence[str], folder: Path, told: Path | None = None) -> None:
    """Run a command on one thread in a folder; add its seconds to those that ``told`` has, and note there its end."""
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }
    before, started, code = seconds_of(told)[0], time.perf_counter(), None
    with open(folder / "log.txt", "a") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        while code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(HEARTBEAT)
            if told:
                with atomic(told) as temporary:
                    temporary.write_text(json.dumps([before + time.perf_counter() - started, code == 0]))
    if code:
        raise subprocess.CalledProcessError(code, command)


def seconds_of(told: Path | None) -> tuple[float, bool]:
    """Return how long a training has taken, and whether it is done."""
    return tuple(json.loads(told.read_text())) if told and told.exists() else (0.0, False)


def train(python: str, folder: Path, data: Path, options: dict[str, object], epochs: int) -> float:
    """Train for some epochs, or what is left of them, and return the seconds it took in all."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "seconds.json"
    if not seconds_of(told)[1]:
        asked = OPTIONS | options | {"name": "mace", "max_num_epochs": epochs}
        asked |= {"start_stage_two": int(STAGE_TWO * epochs)}
        asked |= {"train_file": data / "train.xyz", "valid_file": data / "validation.xyz"}
        run([python, "-m", "mace.cli.run_train", *(f"--{key}={value}" for key, value in asked.items()), *FLAGS],
            folder, told)  # fmt: skip
    return seconds_of(told)[0]


def theirs(python: str, folder: Path, data: Path, frames: Sequence[Atoms]) -> list[dict[str, float]]:
    """Return the errors of a trained MACE on the test frames."""
    model = next(folder.glob("mace_stagetwo.model"), folder / "mace.model")
    run([python, "-m", "mace.cli.eval_configs", f"--configs={data / 'test.xyz'}", f"--model={model}",
         "--output=found.xyz", "--default_dtype=float32", "--device=cpu"], folder)  # fmt: skip
    found = ase.io.read(folder / "found.xyz", ":")
    energies, forces = [one.info["MACE_energy"] for one in found], [one.arrays["MACE_forces"] for one in found]
    return errors(energies, forces, frames)


def compare(
    python: str, name: str, options: dict[str, object], budget: float, data: Path, frames: Sequence[Atoms]
) -> dict[str, object]:
    """Train one size of MACE for as many epochs as fit into a time, and return its errors and the seconds it took."""
    folder = data / name.replace(" ", "_").replace(",", "")
    told = folder / "epochs.json"
    if not told.exists():  # how long an epoch takes, without what starting takes
        brief, longer = (train(python, folder / f"try{count}", data, options, count) for count in TRIED)
        with atomic(told) as temporary:
            epochs = max(2, math.ceil(budget / ((longer - brief) / (TRIED[1] - TRIED[0]))))
            temporary.write_text(json.dumps({"epochs": epochs, "budget": budget, **provenance()}))
    planned = json.loads(told.read_text())
    if planned["budget"] != budget:
        raise SystemExit(
            f"{folder}: trained for {planned['budget']} s, ours for {budget} s; remove {data} and run again"
        )
    seconds = train(python, folder, data, options, planned["epochs"])
    return {"errors": theirs(python, folder, data, frames), "seconds": seconds, **planned}


def table(found: dict[str, dict]) -> str:
    """Return the errors of every program, one row for each chain length."""
    several = any(len(one["errors"]) > 1 for one in found.values())
    header = ["model", *(["monomers"] if several else []), "frames", "energy meV", "force meV/Å", "training s"]
    rows = [
        [
            name, *([str(row["length"])] if several else []), str(row["frames"]), f"{row['energy_mae_mev']:.1f}",
            f"{row['force_mae_mev_angstrom']:.1f}", f"{one['seconds']:.0f}",
        ]
        for name, one in found.items()
        for row in one["errors"]
    ]  # fmt: skip
    return markdown(header, rows)


def main() -> None:
    """Train, compare and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="one of workflow/studies")
    parser.add_argument("--mace", required=True, help="python of an environment with mace-torch")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES, help="of MACE")
    given = parser.parse_args()
    set_ = ROOT / "data" / f"{given.study}.zarr.zip"
    dataset, data = Dataset.open(set_), (ROOT / "results" / "accuracy" / given.study).resolve()
    data.mkdir(parents=True, exist_ok=True)
    frames = export(dataset, data)
    free = {atomic_numbers[symbol]: atom.energy * Hartree for symbol, atom in dataset.free_atoms.atoms.items()}
    file = HERE / "accuracy.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    found = known.setdefault(given.study, {})
    found["densnet"] = ours(given.study, set_, data, frames)
    for name in given.sizes:
        options = SIZES[name] | {"E0s": free}
        found[name] = compare(given.mace, name, options, found["densnet"]["seconds"], data, frames)
    tables = (f"## {name}\n\n{table(one)}" for name, one in sorted(known.items()))
    text = "\n".join([f"# Accuracy after the same time\n\n{__doc__}", *tables])
    for suffix, content in ((".md", text), (".json", json.dumps(known, indent=1) + "\n")):
        with atomic(HERE / f"accuracy{suffix}") as temporary:
            temporary.write_text(content)


if __name__ == "__main__":
    main()
