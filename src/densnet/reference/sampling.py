"""Trajectories from which frames are picked: ab initio or GFN2-xTB dynamics, resumable after a kill."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.trajectory import Trajectory
from tqdm import tqdm

from densnet import seeds, systems
from densnet.checkpoints import read_npz, write_npz
from densnet.config import Campaign, Molecule, Reference
from densnet.dynamics.integrator import (
    Point,
    State,
    at_rest,
    kick,
    kinetic_energy,
    langevin_drift,
    maxwell_boltzmann,
    verlet_drift,
)
from densnet.errors import CalculationError
from densnet.files import atomic
from densnet.reference.engines import Engine, ReferenceEngine, XtbEngine

log = logging.getLogger(__name__)

CHECKPOINT = 10
"""Steps of ab initio dynamics between checkpoints; dynamics with xTB takes `XTB_CHECKPOINT`."""
XTB_CHECKPOINT = 500
FRAME = ("step", "positions", "velocities", "energy", "forces", "dipole")


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
    own = seeds.seed(seed, "sample", name, length, replica)
    settings = molecule.fingerprint(), length, campaign.fingerprint(), reference.level(), replica, own
    fingerprint = json.dumps([*settings, FRAME])  # a checkpoint of a version that kept something else starts afresh
    start = systems.build(molecule, length, replica % molecule.conformers, seeds.seed(seed, "build", length))
    engine = XtbEngine(start) if campaign.method == "xtb" else ReferenceEngine(start, reference, campaign)
    run = _load(checkpoint, fingerprint, engine) or _start(start, campaign, np.random.default_rng(own), engine)
    title, every = f"{name} {start.symbols} {replica}", XTB_CHECKPOINT if campaign.method == "xtb" else CHECKPOINT
    with tqdm(total=campaign.steps, initial=run.state.step, desc=title, unit="step", disable=None) as bar:
        while (step := run.state.step) < campaign.steps:
            if step and step % every == 0:
                _save(checkpoint, fingerprint, run, engine)
            _guarded_step(run, start.get_masses(), campaign, engine, out)
            if run.state.step % campaign.stride == 0:
                run.store()
            bar.update()
    _write(out, start, run, {"campaign": name, "replica": replica})
    checkpoint.unlink(missing_ok=True)


@dataclass
class Run:
    """A trajectory on its way.

    Attributes
    ----------
    state
        Where it is.
    rng
        Random stream of the thermostat.
    frames
        Stored frames, a list for each name in `FRAME`.
    """

    state: State
    rng: np.random.Generator
    frames: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in FRAME})

    def store(self) -> None:
        """Add the present step to the stored frames."""
        state, point = self.state, self.state.point
        values = (state.step, state.positions, state.velocities, point.energy, point.forces, point.dipole)
        for name, value in zip(FRAME, values, strict=True):
            self.frames[name].append(value)


def _start(atoms: Atoms, campaign: Campaign, rng: np.random.Generator, engine: Engine) -> Run:
    """Return a run at its first step: thermal velocities without drift and rotation, equilibrated where asked."""
    masses, first = atoms.get_masses(), XtbEngine(atoms) if campaign.equilibration else engine
    velocities = maxwell_boltzmann(masses, campaign.temperature, rng)
    state = at_rest(State(0, atoms.get_positions(), velocities, first(atoms.positions)), masses)
    if campaign.equilibration:
        warm = campaign.model_copy(update={"ensemble": "langevin", "timestep": 1.0})
        for _ in tqdm(range(campaign.equilibration), desc="equilibration with GFN2-xTB", unit="step", disable=None):
            state = _step(state, masses, warm, first, rng)
        state = at_rest(State(0, state.positions, state.velocities, engine(state.positions)), masses)
    return Run(state, rng)


def _guarded_step(run: Run, masses: np.ndarray, campaign: Campaign, engine: Engine, out: Path) -> None:
    try:
        run.state = _step(run.state, masses, campaign, engine, run.rng)
    except CalculationError as error:
        raise CalculationError(f"{out}: step {run.state.step + 1}: {error}") from None
    kinetic = kinetic_energy(run.state.velocities, masses) / len(masses)
    if not np.isfinite(kinetic) or kinetic > 15 * units.kB * campaign.temperature:
        raise CalculationError(
            f"{out}: step {run.state.step}: the molecule is {kinetic / (1.5 * units.kB):.0f} K hot; lower the time "
            f"step ({campaign.timestep} fs) or the temperature of the campaign"
        )


def _step(state: State, masses: np.ndarray, campaign: Campaign, engine: Engine, rng: np.random.Generator) -> State:
    timestep = campaign.timestep * units.fs
    if campaign.ensemble == "langevin":
        friction = campaign.friction * 1e-3 / units.fs
        positions, half = langevin_drift(
            state, masses, timestep, temperature=campaign.temperature, friction=friction, rng=rng
        )
    else:
        positions, half = verlet_drift(state, masses, timestep)
    return kick(state.step + 1, positions, half, engine(positions), masses, timestep)


def _save(path: Path, fingerprint: str, run: Run, engine: Engine) -> None:
    state = run.state
    present = {"step": state.step, "positions": state.positions, "velocities": state.velocities}
    point = {name: value for name, value in state.point._asdict().items() if value is not None}
    frames = {f"frame_{name}": np.array(values) for name, values in run.frames.items()}
    history = {f"state_{k}": matrix for k, matrix in enumerate(engine.state())}
    write_npz(path, fingerprint, rng=json.dumps(run.rng.bit_generator.state), **present, **point, **frames, **history)


def _load(path: Path, fingerprint: str, engine: Engine) -> Run | None:
    """Return the run of a checkpoint; None when there is none, a damaged one, or one of other settings."""
    data = read_npz(path, fingerprint)
    if data is None:
        return None
    rng = np.random.default_rng()
    rng.bit_generator.state = json.loads(str(data["rng"]))
    point = Point(float(data["energy"]), data["forces"], data["dipole"])
    frames = {name: list(data[f"frame_{name}"]) for name in FRAME}
    engine.restore([data[f"state_{k}"] for k in range(sum(key.startswith("state_") for key in data))])
    log.info("%s: continuing from step %d", path, data["step"])
    return Run(State(int(data["step"]), data["positions"], data["velocities"], point), rng, frames)


def _write(out: Path, molecule: Atoms, run: Run, info: dict[str, Any]) -> None:
    with atomic(out) as temporary, Trajectory(temporary, "w") as file:
        for values in zip(*(run.frames[name] for name in FRAME), strict=True):
            step, positions, velocities, energy, forces, dipole = values
            atoms = Atoms(molecule.numbers, positions, velocities=velocities, info={**info, "step": int(step)})
            atoms.calc = SinglePointCalculator(atoms, energy=float(energy), forces=forces, dipole=dipole)
            file.write(atoms)
