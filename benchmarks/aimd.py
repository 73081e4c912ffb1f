"""Ab initio dynamics: densnet's calculator against PySCF's own ASE calculator, in turn, at the same accuracy.

    python benchmarks/aimd.py            # one thread: OMP_NUM_THREADS=1

Both see the same geometries of thiophene at 300 K (a short trajectory, 0.5 fs), the same functional, bases,
grid and threshold; each step is timed for both, one after the other, so that a busy machine slows both alike. Errors
are the largest along the way, against a tightly converged field on the same grid (densnet / PySCF). Writes ``aimd.md``
and ``aimd.json`` beside this file.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from pyscf import dft
from pyscf.pbc.tools.pyscf_ase import PySCF
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import Basis, Molecule, Reference
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.reference import auxiliary, fits, labels, method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.xtb import xtb_calculator
from densnet.report.tables import markdown
from densnet.systems import build

HERE = Path(__file__).parent
LEVELS = {
    "def2-SVP": Reference(grid_level=1, conv_tol=1e-6, device="cpu"),
    "aug-cc-pVDZ": Reference(
        basis="aug-cc-pVDZ", coulomb_basis="aug-cc-pVTZ-jkfit", grid_level=2, conv_tol=1e-6, device="cpu"
    ),
}
WARM, STEPS = 4, 8
"""Steps before the predictor has its history, and steps that count."""
PROPERTIES = ("energy", "forces", "dipole")
TIGHT = 1e-10


def geometries() -> list[Atoms]:
    """Return consecutive steps of thiophene at 300 K, from GFN2-xTB."""
    atoms = build(Molecule(name="thiophene"), 1, 0, seed=1)
    atoms.calc = xtb_calculator()
    momenta = np.random.default_rng(1).normal(size=(len(atoms), 3))
    atoms.set_momenta(momenta * np.sqrt(units.kB * 300 * atoms.get_masses())[:, None])
    steps, dynamics = [], VelocityVerlet(atoms, 0.5 * units.fs)
    for _ in range(WARM + STEPS):
        dynamics.run(1)
        steps.append(Atoms(atoms.symbols, atoms.positions))
    return steps


def stock(atoms: Atoms, reference: Reference) -> PySCF:
    """Return PySCF's own calculator at a level."""
    mf = dft.RKS(method.molecule(atoms, reference), xc=reference.xc).density_fit(auxbasis=reference.coulomb_basis)
    mf.grids.level, mf.conv_tol, mf.verbose = reference.grid_level, reference.conv_tol, 0
    return PySCF(method=mf)


def compare(name: str, reference: Reference, steps: list[Atoms]) -> dict[str, Any]:
    """Return seconds of a step for both calculators, and the errors of both."""
    exact = ReferenceCalculator(reference, conv_tol=TIGHT)
    calculators = {"densnet": ReferenceCalculator(reference), "pyscf": stock(steps[0], reference)}
    seconds, worst = ({tool: [] for tool in calculators} for _ in range(2))
    for atoms in tqdm(steps, desc=name):
        exact.calculate(atoms, PROPERTIES)
        for tool, calculator in calculators.items():
            started = time.perf_counter()
            calculator.calculate(atoms, PROPERTIES)
            seconds[tool].append(time.perf_counter() - started)
            worst[tool].append([np.abs(np.subtract(calculator.results[k], exact.results[k])).max() for k in PROPERTIES])
    errors = {tool: dict(zip(PROPERTIES, np.max(rows, axis=0).tolist(), strict=True)) for tool, rows in worst.items()}
    ours, theirs = (np.array(seconds[tool][WARM:]) for tool in calculators)
    return {
        "ours": float(ours.mean()), "pyscf": float(theirs.mean()), "ratio": float((theirs / ours).mean()),
        "ratio_low": float((theirs / ours).min()), "errors": errors,
    }  # fmt: skip


def fit_share(reference: Reference, atoms: Atoms) -> dict[str, float]:
    """Return seconds of one label: self-consistent field with gradient, fit, and errors of the fit on the grid."""
    started = time.perf_counter()
    row = labels.label_frame(atoms, reference)
    middle = time.perf_counter()
    prior, basis = PriorMatrices(list(atoms.symbols), reference), natural_basis(atoms, reference, row)
    known = fits.Density.of(one(atoms, row), 0, reference, prior)
    begun = time.perf_counter()
    fits.fit(known.mol, known.delta, basis)
    fitted = time.perf_counter()
    fits.fit_density(known, basis)
    # fit_density fits again, so its grid errors are what it takes beyond a fit
    errors = time.perf_counter() - fitted - (fitted - begun)
    return {"label": middle - started, "fit": fitted - begun, "errors": errors}


def one(atoms: Atoms, row: dict[str, np.ndarray]) -> labels.LabelledFrames:
    """Return a single label as a set."""
    arrays = {name: np.asarray(row[name])[None] for name in labels.ARRAYS}
    return labels.LabelledFrames(tuple(atoms.symbols), ("one",), **arrays)


def natural_basis(atoms: Atoms, reference: Reference, row: dict[str, np.ndarray]) -> AuxiliaryBasis:
    """Return the natural basis of a single frame: the size and the primitives of a real one."""
    from densnet.reference.contraction import Contraction, Equations
    from densnet.reference.fitting import equations

    prior = PriorMatrices(list(atoms.symbols), reference)
    known = fits.Density.of(one(atoms, row), 0, reference, prior)
    full = auxiliary.build(list(atoms.symbols), reference, Basis())
    return Contraction(full, [Equations(tuple(atoms.symbols), *equations(known.mol, known.delta, full))]).basis(3e-3)


def main() -> None:
    """Run both levels and write the tables."""
    steps = geometries()
    found = {name: compare(name, reference, steps) for name, reference in LEVELS.items()}
    fine = {"grid_level": 2, "conv_tol": 1e-9}
    shares = {name: fit_share(level.model_copy(update=fine), steps[0]) for name, level in LEVELS.items()}
    rows = [
        [
            name, f"{values['ours']:.2f}", f"{values['pyscf']:.2f}", f"{values['ratio']:.1f}",
            f"{values['ratio_low']:.1f}",
            *(" / ".join(f"{errors[key]:.0e}" for errors in values["errors"].values()) for key in PROPERTIES),
        ]
        for name, values in found.items()
    ]  # fmt: skip
    header = [
        "basis", "densnet s", "PySCF s", "times faster", "least", "energy eV", "forces eV/Å", "dipole e Å",
    ]  # fmt: skip
    cost = [
        [name, *(f"{share[part]:.2f}" for part in share), f"{100 * share['fit'] / share['label']:.0f}"]
        for name, share in shares.items()
    ]
    costs = markdown(["basis", "SCF and gradient s", "fit s", "errors on the grid s", "fit / SCF and gradient %"], cost)
    text = f"# An AIMD step of thiophene\n\n{__doc__}\n{markdown(header, rows)}\n# A label of thiophene\n\n{costs}"
    with atomic(HERE / "aimd.md") as temporary:
        temporary.write_text(text)
    with atomic(HERE / "aimd.json") as temporary:
        temporary.write_text(json.dumps({"aimd": found, "fit": shares, "provenance": provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
