"""One trajectory on its way: what it records, when it gives up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.io import write
from numpy.typing import NDArray

from densnet.config import Simulation
from densnet.dynamics import h5md
from densnet.dynamics.admission import require_finite
from densnet.dynamics.checkpoint import Checkpoints, Frames
from densnet.dynamics.guard import Guard
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
from densnet.dynamics.start import ELSEWHERE, Start
from densnet.errors import ConfigError, SimulationError
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.rigid import vibrational_space

Array = NDArray[np.float64]

LONGEST = 1.0
"""fs, times the square root of the mass in u: the longest timestep, a ninth of the period of a bond to hydrogen."""


@dataclass(frozen=True)
class Plan:
    """A simulation counted in steps."""

    thermalisation: int
    production: int
    every: int
    timestep: float

    @classmethod
    def of(cls, simulation: Simulation) -> Plan:
        """Translate a simulation's times; raise `ConfigError` where frames fall between steps, or there is none."""
        every = round(simulation.stride / simulation.timestep)
        if every < 1 or abs(every * simulation.timestep - simulation.stride) > 1e-9:
            raise ConfigError(
                f"simulation.stride: {simulation.stride:g} fs is not a multiple of simulation.timestep "
                f"({simulation.timestep:g} fs)"
            )
        times = simulation.thermalisation, simulation.production
        thermalisation, production = (round(time * 1e3 / simulation.timestep) for time in times)
        if production < every:
            raise ConfigError(
                f"simulation.production: {simulation.production:g} ps hold no frame, which are simulation.stride "
                f"({simulation.stride:g} fs) apart; make it longer"
            )
        return cls(thermalisation, production, every, simulation.timestep * units.fs)

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


class Replica:
    """A trajectory that moves when it is told the properties at the positions it asks for.

    Parameters
    ----------
    start
        What it starts from.
    simulation
        Times, temperature and friction.
    model
        Identifies the model.
    company
        How many trajectories run together. With others beside it a trajectory differs in its last digits: checkpoints
        of another company are of another run.
    about
        Stored with the trajectory: what the model says about itself.
    """

    def __init__(
        self,
        start: Start,
        simulation: Simulation,
        model: str,
        company: int = 1,
        about: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.start, self.simulation, self.plan = start, simulation, Plan.of(simulation)
        self.fingerprint, self.about = start.fingerprint(simulation, model), list(about)
        self.rng = np.random.default_rng(start.seed)
        self.masses = start.atoms.get_masses()
        self.freedom = vibrational_space(start.atoms.positions, self.masses).shape[1]
        self.checkpoints = Checkpoints(start.beside(".part"), f"{self.fingerprint} {company}")
        self.recorder, self.pieces = Recorder(), []
        self.state: State | None = None

    def resume(self, until: int) -> bool:
        """Continue from the checkpoints up to a step; return whether there are any that can be used."""
        found = self.checkpoints.load(self.rng, until)
        if found:
            self.state, self.pieces = found
        return bool(found)

    def begin(self, point: Point) -> None:
        """Start from the first geometry, whose properties these are; raise `ModelError` where they are not finite."""
        require_finite(point._asdict() | {"deviation": point.deviation or 0.0}, f"start of {self.start.out}")
        self.rng = np.random.default_rng(self.start.seed)
        drawn = maxwell_boltzmann(self.masses, self.simulation.temperature, self.rng)
        if self.start.velocities is not None:
            drawn = np.asarray(self.start.velocities, float) / units.fs
        self.state = at_rest(State(0, self.start.atoms.get_positions(), drawn, point), self.masses)

    def watch(self) -> None:
        """Set the guard; raise `ConfigError` where it shall watch a deviation that a single model has not."""
        limit = np.inf if self.simulation.max_deviation is None else self.simulation.max_deviation
        if limit < np.inf and self.state.point.deviation is None:
            raise ConfigError(
                "simulation.max_deviation: one model does not deviate from anything; give several models, or leave it "
                "out"
            )
        self.guard = Guard(self.start.atoms, self.simulation.temperature, self.freedom, limit)

    def propose(self) -> Array:
        """Return the positions (A, 3) after the next step."""
        settings = self.simulation
        if self.state.step < self.plan.thermalisation:
            moved = langevin_drift(
                self.state, self.masses, self.plan.timestep, temperature=settings.temperature,
                friction=settings.friction * 1e-3 / units.fs, rng=self.rng,
            )  # fmt: skip
        else:
            moved = verlet_drift(self.state, self.masses, self.plan.timestep)
        self.proposed = moved
        return moved[0]

    def accept(self, point: Point) -> None:
        """End the step with the properties of what was proposed, check it, and record it when its time has come."""
        before, plan = self.state.positions, self.plan
        step = self.state.step + 1
        self.state = kick(step, *self.proposed, point, self.masses, plan.timestep)
        if step == plan.thermalisation:
            self.state = at_rest(self.state, self.masses)
        kinetic = kinetic_energy(self.state.velocities, self.masses)
        temperature = 2 * kinetic / (self.freedom * units.kB)
        if complaint := self.guard.complaint(self.state.positions, point.forces, temperature, point.deviation):
            self._give_up(before, complaint)
        if step >= plan.thermalisation and (step - plan.thermalisation) % plan.every == 0:
            self.recorder.add(self.state, kinetic, temperature)

    def save(self) -> None:
        """Make a checkpoint."""
        self.pieces.append(self.recorder.take())
        self.checkpoints.save(self.state, self.rng, self.pieces[-1])

    def finish(self, out: Path | None = None) -> h5md.Trajectory:
        """Write the trajectory, by default where it belongs, and return it; the checkpoints stay."""
        filled = [piece for piece in self.pieces if piece]
        joined = {name: np.concatenate([piece[name] for piece in filled]) for name in h5md.UNITS}
        settings = {**self.simulation.model_dump(exclude=ELSEWHERE), **self.start.parameters, "seed": self.start.seed}
        settings |= {"models": self.about, "fingerprint": self.fingerprint if out is None else None}  # else not whole
        trajectory = h5md.Trajectory(
            symbols=self.start.atoms.get_chemical_symbols(),
            interval=self.simulation.stride,
            timestep=self.simulation.timestep,
            parameters={**settings, "provenance": provenance()},
            mass=self.masses,
            **joined,
        )
        trajectory.parameters["largest_stretch"] = float(self.guard.stretch(trajectory.position).max(initial=0.0))
        h5md.write(out or self.start.out, trajectory)
        return trajectory

    def _give_up(self, last_good: Array, complaint: str) -> None:
        out, step = self.start.out, self.state.step
        keep, sofar = self.start.beside(".last.xyz"), self.start.beside(".stopped")
        with atomic(keep) as temporary:
            write(temporary, Atoms(self.start.atoms.numbers, last_good), format="extxyz")
        self.pieces.append(self.recorder.take())
        if any(self.pieces):
            self.finish(sofar)
        raise SimulationError(
            f"{out}: stopped at step {step} ({step * self.simulation.timestep / 1e3:.3f} ps): {complaint}; the last "
            f"good frame is {keep}{f', the frames up to there are {sofar}' if any(self.pieces) else ''}. "
            f"{self._remedy()}"
        )

    def _remedy(self) -> str:
        lightest, step = self.masses.min(), self.simulation.timestep
        if step > (longest := LONGEST * np.sqrt(lightest)):
            return (
                f"Steps of {step:g} fs are too long for its lightest atom: give a timestep of {longest:.1f} fs or less"
            )
        return (
            "The model is outside what it was trained on: label frames like that one and train again, or lower "
            "simulation.temperature"
        )
