"""Molecular dynamics with a trained model: thermalise with Langevin, then run undisturbed and record."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms, units
from ase.io import write
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from densnet.config import Simulation
from densnet.dynamics import h5md
from densnet.dynamics.checkpoint import Checkpoints, Frames
from densnet.dynamics.field import ForceField, ModelField
from densnet.dynamics.guard import Guard
from densnet.dynamics.integrator import State, at_rest, kinetic_energy, langevin_step, maxwell_boltzmann, verlet_step
from densnet.errors import ConfigError, SimulationError
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.spectra.harmonic import vibrational_space

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

log = logging.getLogger(__name__)

CHECKPOINT = 500
"""Steps between checkpoints."""


@dataclass(frozen=True)
class Plan:
    """A simulation counted in steps."""

    thermalisation: int
    production: int
    every: int
    timestep: float

    @classmethod
    def of(cls, simulation: Simulation) -> Plan:
        """Translate a simulation's times; raise `ConfigError` when frames would fall between steps."""
        every = round(simulation.stride / simulation.timestep)
        if every < 1 or abs(every * simulation.timestep - simulation.stride) > 1e-9:
            raise ConfigError(
                f"simulation.stride: {simulation.stride:g} fs is not a multiple of simulation.timestep "
                f"({simulation.timestep:g} fs)"
            )
        steps = (round(time * 1e3 / simulation.timestep) for time in (simulation.thermalisation, simulation.production))
        return cls(*steps, every, simulation.timestep * units.fs)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.thermalisation + self.production


class Recorder:
    """Collects the frames of a piece of trajectory."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {name: [] for name in h5md.UNITS}

    def add(self, state: State, kinetic: float, temperature: float) -> None:
        """Add one frame."""
        values = (state.positions, state.velocities * units.fs, state.point.dipole, state.point.energy, kinetic)
        for name, value in zip(self.rows, (*values, temperature), strict=True):
            self.rows[name].append(value)

    def take(self) -> Frames:
        """Return the frames collected since the last call."""
        kind = {"position": np.float32, "velocity": np.float32}
        taken = {name: np.array(rows, kind.get(name, np.float64)) for name, rows in self.rows.items() if rows}
        self.__init__()
        return taken


def run(
    model: DenSNet | Ensemble | ForceField,
    atoms: Atoms,
    simulation: Simulation,
    seed: int,
    out: str | Path,
    *,
    velocities: ArrayLike | None = None,
    fingerprint: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> h5md.Trajectory:
    """Run one trajectory and write it as H5MD.

    A killed run continues from its last checkpoint (``<out>.part/``, removed at the end) and gives, bit for bit, what
    the unbroken run would have given.

    Parameters
    ----------
    model
        A trained model, an ensemble, or any function of positions that returns energy, forces and dipole.
    atoms
        Start.
    simulation
        Times, temperature and friction.
    seed
        Of velocities and thermostat.
    out
        ``.h5`` file.
    velocities
        (A, 3) Å/fs to start with; by default drawn from the Maxwell-Boltzmann distribution. Either way linear and
        angular momentum are taken out.
    fingerprint
        Identifies the model, so that checkpoints made with another one are not continued; by default the hash of its
        weights.
    parameters
        Stored with the trajectory beside settings and provenance.

    Raises
    ------
    ConfigError
        A largest deviation is asked for, and there is no ensemble that deviates.
    SimulationError
        A bond broke, the temperature ran away, the models of an ensemble disagree, or numbers stopped being finite. The
        last good geometry is saved.
    """
    out, plan = Path(out), Plan.of(simulation)
    field = ModelField(model, atoms.get_chemical_symbols()) if hasattr(model, "properties") else model
    identity = _weights_hash(model) if fingerprint is None else fingerprint
    checkpoints = Checkpoints(out.with_suffix(".part"), _fingerprint(simulation, atoms, seed, identity))
    rng = np.random.default_rng(seed)
    masses = atoms.get_masses()
    state, pieces = checkpoints.load(rng) or (_start(atoms, field, velocities, simulation.temperature, rng), [])
    freedom = vibrational_space(atoms.positions, masses).shape[1]
    guard = Guard(atoms, simulation.temperature, freedom, _largest_deviation(simulation, state))
    pieces += _Job(field, masses, freedom, simulation, plan, rng, guard, atoms, out).finish(state, checkpoints)
    settings = {**simulation.model_dump(), **(parameters or {}), "seed": seed, "provenance": provenance()}
    trajectory = _join(atoms, simulation, pieces, settings)
    trajectory.parameters["largest_stretch"] = float(guard.stretch(trajectory.position).max(initial=0.0))
    h5md.write(out, trajectory)
    checkpoints.clear()
    log.info("%s: %d frames, %.0f K", out, len(trajectory.dipole), trajectory.temperature.mean())
    return trajectory


@dataclass
class _Job:
    field: ForceField
    masses: np.ndarray
    freedom: int
    simulation: Simulation
    plan: Plan
    rng: np.random.Generator
    guard: Guard
    atoms: Atoms
    out: Path

    def finish(self, state: State, checkpoints: Checkpoints) -> list[Frames]:
        """Propagate to the end; return the frames recorded on the way, one piece for each checkpoint."""
        pieces, recorder = [], Recorder()
        with tqdm(
            total=self.plan.steps, initial=state.step, desc=self.out.stem, unit="step", disable=None, mininterval=1
        ) as bar:
            while state.step < self.plan.steps:
                state = self.advance(state, recorder)
                bar.update()
                if state.step % CHECKPOINT == 0 or state.step == self.plan.steps:
                    pieces.append(recorder.take())
                    checkpoints.save(state, self.rng, pieces[-1])
                    rate = bar.format_dict["rate"] or 0.0
                    bar.set_postfix_str(f"{rate * self.simulation.timestep * 0.0864:.3g} ns/day")
        return pieces

    def advance(self, state: State, recorder: Recorder) -> State:
        """Make one step, check it, and record it when its time has come."""
        settings, plan = self.simulation, self.plan
        before = state.positions
        if state.step < plan.thermalisation:
            state = langevin_step(
                state, self.field, self.masses, plan.timestep, temperature=settings.temperature,
                friction=settings.friction * 1e-3 / units.fs, rng=self.rng,
            )  # fmt: skip
            if state.step == plan.thermalisation:
                state = at_rest(state, self.masses)
        else:
            state = verlet_step(state, self.field, self.masses, plan.timestep)
        kinetic = kinetic_energy(state.velocities, self.masses)
        temperature = 2 * kinetic / (self.freedom * units.kB)
        point = state.point
        if complaint := self.guard.complaint(state.positions, point.forces, temperature, point.deviation):
            self._give_up(state.step, before, complaint)
        if state.step >= plan.thermalisation and (state.step - plan.thermalisation) % plan.every == 0:
            recorder.add(state, kinetic, temperature)
        return state

    def _give_up(self, step: int, last_good: np.ndarray, complaint: str) -> None:
        keep = self.out.with_suffix(".last.xyz")
        with atomic(keep) as temporary:
            write(temporary, Atoms(self.atoms.numbers, last_good), format="extxyz")
        raise SimulationError(
            f"{self.out}: stopped at step {step} ({step * self.simulation.timestep / 1e3:.3f} ps): {complaint}; the "
            f"last good frame is {keep}. The model is outside what it was trained on: label frames like that one and "
            "train again, or lower simulation.temperature"
        )


def _start(
    atoms: Atoms, field: ForceField, velocities: ArrayLike | None, temperature: float, rng: np.random.Generator
) -> State:
    masses, positions = atoms.get_masses(), atoms.get_positions()
    given = None if velocities is None else np.asarray(velocities, float) / units.fs
    drawn = maxwell_boltzmann(masses, temperature, rng) if given is None else given
    return at_rest(State(0, positions, drawn, field(positions)), masses)


def _largest_deviation(simulation: Simulation, state: State) -> float:
    if simulation.max_deviation is None:
        return np.inf
    if state.point.deviation is None:
        raise ConfigError(
            "simulation.max_deviation: one model does not deviate from anything; give several models, or leave it out"
        )
    return simulation.max_deviation


def _fingerprint(simulation: Simulation, atoms: Atoms, seed: int, model: str) -> str:
    settings = simulation.model_dump(exclude={"lengths", "replicas"})
    parts = json.dumps([settings, atoms.get_chemical_symbols(), seed, model]).encode() + atoms.positions.tobytes()
    return hashlib.sha256(parts).hexdigest()


def _weights_hash(model: DenSNet | Ensemble | ForceField) -> str:
    digest = hashlib.sha256()
    for name, values in getattr(model, "state_dict", dict)().items():
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _join(atoms: Atoms, simulation: Simulation, pieces: list[Frames], settings: dict[str, Any]) -> h5md.Trajectory:
    filled = [piece for piece in pieces if piece]
    joined = {name: np.concatenate([piece[name] for piece in filled]) for name in h5md.UNITS}
    return h5md.Trajectory(
        symbols=atoms.get_chemical_symbols(),
        interval=simulation.stride,
        timestep=simulation.timestep,
        parameters=settings,
        **joined,
    )
