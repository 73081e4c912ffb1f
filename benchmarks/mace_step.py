"""One energy and force call of MACE for ``step.py``, which runs this file in MACE's own environment.

    python mace_step.py structures.extxyz calls

Prints, as JSON, the milliseconds of each call: for every size of model a list for every structure. The weights are
random; the time of a call does not depend on them.
"""

import json
import os
import sys
import tempfile
import time

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"  # e3nn 0.4, which MACE pins, reads its constants the old way

import ase.io
import numpy as np
import torch
from e3nn import o3
from mace import __version__, modules
from mace.calculators import MACECalculator

SIZES = {"MACE 64x0e, correlation 2": ("64x0e", 2), "MACE 64x0e+64x1o, correlation 3": ("64x0e + 64x1o", 3)}
CUTOFF = 5.0


def model(hidden: str, correlation: int, numbers: list[int]) -> torch.nn.Module:
    """Return an untrained MACE of a size, with MACE's defaults otherwise."""
    torch.manual_seed(0)
    return modules.ScaleShiftMACE(
        r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=5, max_ell=3, num_interactions=2, num_elements=len(numbers),
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        hidden_irreps=o3.Irreps(hidden), MLP_irreps=o3.Irreps("16x0e"), atomic_energies=np.zeros(len(numbers)),
        avg_num_neighbors=12.0, atomic_numbers=numbers, correlation=correlation, gate=torch.nn.functional.silu,
        radial_MLP=[64, 64, 64], radial_type="bessel", atomic_inter_scale=1.0, atomic_inter_shift=0.0,
    )  # fmt: skip


def main() -> None:
    """Time every size of model on every structure."""
    torch.set_num_threads(1)
    structures, calls = ase.io.read(sys.argv[1], ":"), int(sys.argv[2])
    numbers = sorted({int(number) for atoms in structures for number in atoms.numbers})
    found = {}
    for name, (hidden, correlation) in SIZES.items():
        with tempfile.NamedTemporaryFile(suffix=".model") as file:
            torch.save(model(hidden, correlation, numbers).float(), file.name)
            calculator = MACECalculator(model_paths=file.name, device="cpu", default_dtype="float32")
        found[name] = [_times(calculator, atoms, calls) for atoms in structures]
    json.dump({"milliseconds": found, "versions": {"mace-torch": __version__, "torch": torch.__version__}}, sys.stdout)


def _times(calculator: MACECalculator, atoms: ase.Atoms, calls: int) -> list[float]:
    rng, times = np.random.default_rng(0), []
    for _ in range(calls + 3):
        moved = atoms.copy()
        moved.positions += rng.normal(0, 0.01, moved.positions.shape)
        started = time.perf_counter()
        calculator.calculate(moved, ["energy", "forces"])
        times.append(1e3 * (time.perf_counter() - started))
    return times[3:]


if __name__ == "__main__":
    main()
