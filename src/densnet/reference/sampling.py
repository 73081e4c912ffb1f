"""Trajectories from which frames are picked: ab initio or GFN2-xTB dynamics, resumable after a kill."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, CalculatorError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory
from tqdm import tqdm

from densnet import provenance, systems
from densnet.checkpoints import read_npz, write_npz
from densnet.config import Campaign, Molecule, Reference
from densnet.errors import CalculationError
from densnet.files import atomic
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.xtb import xtb_calculator

log = logging.getLogger(__name__)

CHECKPOINT = 10
"""Steps of ab initio dynamics between checkpoints; dynamics with xTB takes `XTB_CHECKPOINT`."""
XTB_CHECKPOINT = 500
FRAME = ("step", "positions", "momenta", "energy", "forces", "dipole")


def sample(
    molecule: Molecule,
    length: int,
    campaign: Campaign,
    reference: Reference,
    *,
    replica: int,
    seed: int,
    out: str | Path,
    name: str = "",
) -> None:
    """Run one trajectory of a campaign and write it as an ASE trajectory.

    Every stored frame carries energy, forces and dipole at the level of the campaign, and says in ``info`` which
    campaign, replica and step it is. A checkpoint beside the output (suffix ``.part.npz``) lets a killed run continue;
    the result is bitwise that of a run that was never killed.

    Parameters
    ----------
    molecule, length
        What moves.
    campaign
        How it moves.
    reference
        Level of ab initio dynamics.
    replica
        Number of the trajectory; it picks the start conformer and the random stream.
    seed
        Seed of the study.
    out
        The ``.traj`` file.
    name
        Name of the campaign.

    Raises
    ------
    CalculationError
        A step whose self-consistent field does not converge, or atoms that have left the molecule.
    """
    out = Path(out)
    checkpoint = out.with_suffix(".part.npz")
    own = provenance.seed(seed, "sample", name, length, replica)
    fingerprint = json.dumps([molecule.fingerprint(), length, campaign.fingerprint(), reference.level(), replica, own])
    engine = XtbEngine() if campaign.method == "xtb" else ReferenceEngine(reference, campaign)
    run = _load(checkpoint, fingerprint, engine)
    if run is None:
        start = systems.build(molecule, length, replica % molecule.conformers, provenance.seed(seed, "build", length))
        run = _start(start, campaign, np.random.default_rng(own), engine)
    symbols = run.atoms.get_chemical_formula()
    bar = tqdm(total=campaign.steps, initial=run.step, desc=f"{name} {symbols} {replica}", unit="step", disable=None)
    every = XTB_CHECKPOINT if campaign.method == "xtb" else CHECKPOINT
    with bar:
        while run.step < campaign.steps:
            _guarded_step(run, campaign, engine, out)
            if run.step % campaign.stride == 0:
                run.store()
            if run.step % every == 0 and run.step < campaign.steps:
                _save(checkpoint, fingerprint, run, engine)
            bar.update()
    _write(out, run, {"campaign": name, "replica": replica})
    checkpoint.unlink(missing_ok=True)


class Engine(Protocol):
    """What gives energy (eV), forces (eV/Angstrom) and dipole (e Angstrom) along a trajectory."""

    def evaluate(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy, forces and dipole of a structure."""

    def state(self) -> list[np.ndarray]:
        """Return what later results depend on besides the structure, and forget everything else."""

    def restore(self, state: list[np.ndarray]) -> None:
        """Continue from a state."""


class _CalculatorEngine:
    def __init__(self, calculator: Calculator) -> None:
        self.calculator = calculator

    def evaluate(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        atoms.calc = self.calculator
        try:
            results = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_dipole_moment()
        except CalculatorError as error:  # of tblite; densnet's own errors pass
            raise CalculationError(f"GFN2-xTB failed: {error}") from None
        finally:
            atoms.calc = None
        return float(results[0]), results[1], results[2]


class ReferenceEngine(_CalculatorEngine):
    """Ab initio forces; the state is the history of the density predictor."""

    def __init__(self, reference: Reference, campaign: Campaign) -> None:
        super().__init__(ReferenceCalculator(reference, campaign.grid_level, campaign.conv_tol))

    def state(self) -> list[np.ndarray]:  # noqa: D102
        return self.calculator.state()

    def restore(self, state: list[np.ndarray]) -> None:  # noqa: D102
        self.calculator.restore(state)


class XtbEngine(_CalculatorEngine):
    """Forces of GFN2-xTB, whose wave function is forgotten at each checkpoint because it cannot be stored."""

    def __init__(self) -> None:
        super().__init__(xtb_calculator())

    def state(self) -> list[np.ndarray]:  # noqa: D102
        self.calculator.reset()
        return []

    def restore(self, state: list[np.ndarray]) -> None:  # noqa: D102
        self.calculator.reset()


@dataclass
class Run:
    """A trajectory on its way.

    Attributes
    ----------
    atoms
        Present positions (Angstrom) and momenta (ASE units).
    rng
        Random stream of the thermostat.
    energy, forces, dipole
        At the present positions: eV, eV/Angstrom, e Angstrom.
    step
        Steps taken.
    frames
        Stored frames, a list for each name in `FRAME`.
    """

    atoms: Atoms
    rng: np.random.Generator
    energy: float
    forces: np.ndarray
    dipole: np.ndarray
    step: int = 0
    frames: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in FRAME})

    def store(self) -> None:
        """Add the present step to the stored frames."""
        values = (self.step, self.atoms.get_positions(), self.atoms.get_momenta())
        for name, value in zip(FRAME, (*values, self.energy, self.forces, self.dipole), strict=True):
            self.frames[name].append(value)


def _start(atoms: Atoms, campaign: Campaign, rng: np.random.Generator, engine: Engine) -> Run:
    """Return a run at its first step: thermal velocities without drift and rotation, equilibrated where asked."""
    _thermalise(atoms, campaign.temperature, rng)
    if campaign.equilibration:
        warm = XtbEngine()
        setting = campaign.model_copy(update={"ensemble": "langevin", "timestep": 1.0})
        run = Run(atoms, rng, *warm.evaluate(atoms))
        for _ in tqdm(range(campaign.equilibration), desc="equilibration with GFN2-xTB", unit="step", disable=None):
            _step(run, setting, warm)
    return Run(atoms, rng, *engine.evaluate(atoms))


def _thermalise(atoms: Atoms, temperature: float, rng: np.random.Generator) -> None:
    masses = atoms.get_masses()[:, None]
    atoms.set_momenta(rng.normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * temperature))
    _still(atoms)
    _stop_rotation(atoms)


def _still(atoms: Atoms) -> None:
    """Remove the drift of the centre of mass."""
    masses = atoms.get_masses()[:, None]
    momenta = atoms.get_momenta()
    atoms.set_momenta(momenta - masses * momenta.sum(axis=0) / masses.sum())


def _stop_rotation(atoms: Atoms) -> None:
    """Remove the angular momentum; a least-squares solution, because a linear molecule has no spin about its axis."""
    positions = atoms.positions - atoms.get_center_of_mass()
    masses, momenta = atoms.get_masses(), atoms.get_momenta()
    inertia = np.einsum("a,ai,aj->ij", masses, positions, positions)
    inertia = np.trace(inertia) * np.eye(3) - inertia
    spin = np.linalg.lstsq(inertia, np.cross(positions, momenta).sum(axis=0), rcond=1e-8)[0]
    atoms.set_momenta(momenta - masses[:, None] * np.cross(spin, positions))


def _guarded_step(run: Run, campaign: Campaign, engine: Engine, out: Path) -> None:
    try:
        _step(run, campaign, engine)
    except CalculationError as error:
        raise CalculationError(f"{out}: step {run.step + 1}: {error}") from None
    kinetic = run.atoms.get_kinetic_energy() / len(run.atoms)
    if not np.isfinite(kinetic) or kinetic > 15 * units.kB * campaign.temperature:
        raise CalculationError(
            f"{out}: step {run.step}: the molecule is {kinetic / (1.5 * units.kB):.0f} K hot; lower the time step "
            f"({campaign.timestep} fs) or the temperature of the campaign"
        )


def _step(run: Run, campaign: Campaign, engine: Engine) -> None:
    """Advance one step of velocity Verlet, with a thermostat between its halves for Langevin dynamics.

    BAOAB splitting (Leimkuhler and Matthews, J. Chem. Phys. 138, 174102, 2013).
    """
    atoms, step = run.atoms, campaign.timestep * units.fs
    masses = atoms.get_masses()[:, None]
    atoms.set_momenta(atoms.get_momenta() + 0.5 * step * run.forces)
    atoms.positions += 0.5 * step * atoms.get_momenta() / masses
    if campaign.ensemble == "langevin":
        keep = np.exp(-campaign.friction * 1e-3 * campaign.timestep)
        kick = np.sqrt((1 - keep**2) * masses * units.kB * campaign.temperature)
        atoms.set_momenta(keep * atoms.get_momenta() + kick * run.rng.normal(size=(len(atoms), 3)))
        _still(atoms)
    atoms.positions += 0.5 * step * atoms.get_momenta() / masses
    run.energy, run.forces, run.dipole = engine.evaluate(atoms)
    atoms.set_momenta(atoms.get_momenta() + 0.5 * step * run.forces)
    run.step += 1


def _save(path: Path, fingerprint: str, run: Run, engine: Engine) -> None:
    present = {
        "numbers": run.atoms.numbers, "positions": run.atoms.positions, "momenta": run.atoms.get_momenta(),
        "energy": run.energy, "forces": run.forces, "dipole": run.dipole, "step": run.step,
    }  # fmt: skip
    frames = {f"frame_{name}": np.array(values) for name, values in run.frames.items()}
    history = {f"state_{k}": matrix for k, matrix in enumerate(engine.state())}
    write_npz(path, fingerprint, rng=json.dumps(run.rng.bit_generator.state), **present, **frames, **history)


def _load(path: Path, fingerprint: str, engine: Engine) -> Run | None:
    """Return the run of a checkpoint; None when there is none, a damaged one, or one of other settings."""
    data = read_npz(path, fingerprint)
    if data is None:
        return None
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(str(data["rng"]))
    atoms = Atoms(data["numbers"], data["positions"])
    atoms.set_momenta(data["momenta"])
    frames = {name: list(data[f"frame_{name}"]) for name in FRAME}
    engine.restore([data[f"state_{k}"] for k in range(sum(key.startswith("state_") for key in data))])
    log.info("%s: continuing from step %d", path, data["step"])
    return Run(atoms, rng, float(data["energy"]), data["forces"], data["dipole"], int(data["step"]), frames)


def _write(out: Path, run: Run, info: dict[str, Any]) -> None:
    with atomic(out) as temporary, Trajectory(temporary, "w") as file:
        for values in zip(*(run.frames[name] for name in FRAME), strict=True):
            step, positions, momenta, energy, forces, dipole = values
            atoms = Atoms(run.atoms.numbers, positions, momenta=momenta, info={**info, "step": int(step)})
            atoms.calc = SinglePointCalculator(atoms, energy=float(energy), forces=forces, dipole=dipole)
            file.write(atoms)
