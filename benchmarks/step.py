"""A step of dynamics with the model: energy, forces and dipole, against energy and forces of MACE.

    python benchmarks/step.py --mace /path/to/an/environment/with/mace-torch/bin/python

One thread, single precision: ours as dynamics calls it, as it is and compiled, one molecule and several together, MACE
through its ASE calculator; rounds alternate, so that a busy machine slows all alike. MACE needs an environment of its
own (``pip install torch mace-torch``), because it pins an old e3nn. Weights are random: the time of a step does not
depend on them. Neighbour lists are part of a step. Beside the cost of a chain stands that of ab initio dynamics, with
our calculator at the level of the polythiophene study on its loosest grid; that takes half an hour, and
``--models-only`` keeps what ``step.json`` has of it. Writes ``step.md`` and ``step.json`` beside this file.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from tqdm import tqdm

from densnet.config import Molecule, Reference, load_study
from densnet.dataset import Dataset
from densnet.dynamics.field import ModelField
from densnet.files import atomic
from densnet.models.compiled import CompiledModel
from densnet.models.densnet import DenSNet
from densnet.provenance import provenance
from densnet.reference.calculator import ReferenceCalculator
from densnet.report.tables import markdown
from densnet.systems import build

HERE = Path(__file__).parent
ROOT = HERE.parent
CHAIN = Molecule(name="polythiophene", smiles="[*:1]c1ccc(s1)[*:2]")
LONG = 4
"""Monomers from which on arithmetic outweighs calls."""
LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
AB_INITIO = (1, 2, 3, 4, 6, 8, 12)
ROUNDS, CALLS = 3, 10
TOGETHER = 8
"""Replicas in one call."""
WARM, COUNTED = 4, 2
"""Ab initio steps before the predictor of the density has its history, and steps that count."""
STEPS = 40_000
"""Of 20 ps."""


def untrained(study: str, dataset: Path) -> DenSNet:
    """Return a model of the size a study asks for, with the auxiliary basis of a dataset and random weights."""
    settings, known = load_study(ROOT / "workflow" / "studies" / f"{study}.yaml"), Dataset.open(dataset)
    torch.manual_seed(0)
    model = DenSNet.create(known.basis, known.free_atoms, settings.density_network, settings.energy_network)
    return model.requires_grad_(False).eval()


def ours(model: DenSNet | CompiledModel, atoms: Atoms, molecules: int = 1) -> list[float]:
    """Return the milliseconds of each of some steps, for each of some molecules that are run together."""
    field, rng, times = ModelField(model, atoms.get_chemical_symbols()), np.random.default_rng(0), []
    for _ in range(CALLS + 3):
        positions = atoms.positions + rng.normal(0, 0.01, (molecules, *atoms.positions.shape))
        started = time.perf_counter()
        field.together(positions)
        times.append(1e3 * (time.perf_counter() - started) / molecules)
    return times[3:]


def ab_initio(reference: Reference, atoms: Atoms) -> float:
    """Return the seconds of a step of ab initio dynamics."""
    calculator, rng, times = ReferenceCalculator(reference), np.random.default_rng(0), []
    velocity = rng.normal(0, 0.002, atoms.positions.shape)  # Angstrom per step of 0.5 fs, as at 300 K
    for step in range(WARM + COUNTED):
        moved = Atoms(atoms.symbols, atoms.positions + step * velocity)
        started = time.perf_counter()
        calculator.calculate(moved, ("energy", "forces", "dipole"))
        times.append(time.perf_counter() - started)
    return float(np.mean(times[WARM:]))


def theirs(python: str, structures: list[Atoms]) -> dict[str, list[list[float]]]:
    """Return the milliseconds of each call of MACE: for each size and structure."""
    with tempfile.TemporaryDirectory() as folder:
        ase.io.write(f"{folder}/structures.extxyz", structures)
        command = [python, str(HERE / "mace_step.py"), f"{folder}/structures.extxyz", str(CALLS)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    return json.loads(found.splitlines()[-1])


def main() -> None:
    """Time both and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mace", required=True, help="python of an environment with mace-torch")
    parser.add_argument("--ethanol", type=Path, default=ROOT / "data" / "ethanol.zarr.zip", help="for its basis")
    other = ROOT / "data" / "polythiophene.zarr.zip"
    parser.add_argument("--thiophene", type=Path, default=other, help="for that of chains")
    parser.add_argument("--models-only", action="store_true", help="keep the times of ab initio dynamics")
    given = parser.parse_args()
    torch.set_num_threads(1)
    chains = {length: build(CHAIN, length, 0, 1, relax=False) for length in LENGTHS}
    structures = {"ethanol": build(Molecule(name="ethanol", smiles="CCO"), 1, 0, 1), "12-mer": chains[12]}
    models = {"ethanol": untrained("ethanol", given.ethanol), "12-mer": untrained("polythiophene", given.thiophene)}
    compiled = {name: CompiledModel(model) for name, model in models.items()}
    times: dict[str, dict[str, list[float]]] = {}
    for _ in tqdm(range(ROUNDS), desc="rounds"):
        for name, atoms in structures.items():
            for kind, model in (("densnet", models[name]), ("densnet, compiled", compiled[name])):
                times.setdefault(kind, {}).setdefault(name, []).extend(ours(model, atoms))
                many = times.setdefault(f"{kind}, {TOGETHER} together, each", {}).setdefault(name, [])
                many.extend(ours(model, atoms, TOGETHER))
        other = theirs(given.mace, list(structures.values()))
        for size, found in other["milliseconds"].items():
            for name, values in zip(structures, found, strict=True):
                times.setdefault(size, {}).setdefault(name, []).extend(values)
    cost = {
        kind: {length: float(np.median(ours(model["12-mer"], atoms))) for length, atoms in chains.items()}
        for kind, model in (("as it is", models), ("compiled", compiled))
    }
    if given.models_only:
        known = json.loads((HERE / "step.json").read_text())["ab_initio"]
        dft = {int(length): seconds for length, seconds in known.items()}
    else:
        level = load_study(ROOT / "workflow" / "studies" / "polythiophene.yaml").reference
        level = level.model_copy(update={"device": "cpu", "grid_level": 0, "conv_tol": 1e-6})
        dft = {length: ab_initio(level, chains[length]) for length in tqdm(AB_INITIO, desc="ab initio")}
    _write(times, cost, dft, {length: len(atoms) for length, atoms in chains.items()}, other["versions"])


def exponent(cost: dict[int, float]) -> float:
    """Return how the cost grows with the length of long chains."""
    long = [length for length in cost if length >= LONG]
    return float(np.polyfit(np.log(long), np.log([cost[length] for length in long]), 1)[0])


def _write(
    times: dict[str, dict[str, list[float]]],
    cost: dict[str, dict[int, float]],
    dft: dict[int, float],
    sizes: dict[int, int],
    versions: dict[str, str],
) -> None:
    medians = {size: {name: float(np.median(values)) for name, values in of.items()} for size, of in times.items()}
    table = markdown(
        ["model", *medians["densnet"]],
        [[size, *(f"{value:.1f}" for value in of.values())] for size, of in medians.items()],
    )
    plain, compiled = exponent(cost["as it is"]), exponent(cost["compiled"])
    rows = []
    for length, value in cost["compiled"].items():
        row = [str(length), str(sizes[length]), f"{cost['as it is'][length]:.1f}", f"{value:.1f}"]
        row += [f"{value * STEPS / 3.6e6:.2f}"]
        known = dft.get(length)
        rows.append(row + ([f"{known:.1f}", f"{known * STEPS / 3600:.0f}"] if known else ["–", "–"]))
    growth = markdown(
        ["monomers", "atoms", "ms per step", "compiled", "20 ps, h", "DFT, s per step", "DFT, 20 ps, h"], rows
    )
    text = (
        f"# A step of dynamics\n\n{__doc__}\nMilliseconds, median.\n\n{table}\n"
        f"# Cost against chain length\n\n{growth}\n"
        f"Exponent of the cost in the length, from four monomers on, where arithmetic outweighs the calls: "
        f"{plain:.2f}, compiled {compiled:.2f}.\n"
    )
    found = {
        "medians": medians, "cost": cost, "exponent": plain, "exponent_compiled": compiled, "ab_initio": dft,
        "mace": versions, "provenance": provenance(),
    }  # fmt: skip
    for suffix, content in ((".md", text), (".json", json.dumps(found, indent=1) + "\n")):
        with atomic(HERE / f"step{suffix}") as temporary:
            temporary.write_text(content)


if __name__ == "__main__":
    main()
