"""Velocity Verlet and Langevin steps in ASE's units (Å, eV, u and the time that follows from them)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from ase import units
from numpy.typing import NDArray

from densnet.rigid import without_rigid_motion

Array = NDArray[np.float64]


class Point(NamedTuple):
    """A molecule's properties at one geometry.

    Attributes
    ----------
    energy
        eV.
    forces
        (A, 3) eV/Å.
    dipole
        (3,) e Å.
    deviation
        eV/Å, how far the models of an ensemble are apart: the largest standard deviation of the force on an atom (the
        root of the sum over its components). A single model has none.
    """

    energy: float
    forces: Array
    dipole: Array
    deviation: float | None = None


@dataclass(frozen=True)
class State:
    """A molecule on its way.

    Attributes
    ----------
    step
        Steps done.
    positions
        (A, 3) Å.
    velocities
        (A, 3) Å per ASE time unit.
    point
        Energy, forces and dipole at ``positions``.
    """

    step: int
    positions: Array
    velocities: Array
    point: Point


def maxwell_boltzmann(masses: Array, temperature: float, rng: np.random.Generator) -> Array:
    """Return random velocities (A, 3) of a temperature in K."""
    return rng.normal(size=(len(masses), 3)) * np.sqrt(units.kB * temperature / masses)[:, None]


def kinetic_energy(velocities: Array, masses: Array) -> float:
    """Return the kinetic energy, eV."""
    return float(0.5 * np.sum(masses[:, None] * velocities**2))


def verlet_drift(state: State, masses: Array, timestep: float) -> tuple[Array, Array]:
    """Return the positions after a velocity Verlet step, and the velocities half way; ``timestep`` in ASE units."""
    half = state.velocities + 0.5 * timestep * state.point.forces / masses[:, None]
    return state.positions + timestep * half, half


def langevin_drift(
    state: State, masses: Array, timestep: float, *, temperature: float, friction: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the positions after a Langevin step (BAOAB, Leimkuhler and Matthews 2013), and the velocities half way.

    ``timestep`` in ASE units, ``friction`` per ASE time unit.
    """
    half = state.velocities + 0.5 * timestep * state.point.forces / masses[:, None]
    positions = state.positions + 0.5 * timestep * half
    kept = np.exp(-friction * timestep)
    half = kept * half + np.sqrt(1 - kept**2) * maxwell_boltzmann(masses, temperature, rng)
    return positions + 0.5 * timestep * half, half


def kick(step: int, positions: Array, half: Array, point: Point, masses: Array, timestep: float) -> State:
    """Return the state after a step, from the velocities half way and the properties at its end."""
    return State(step, positions, half + 0.5 * timestep * point.forces / masses[:, None], point)


def at_rest(state: State, masses: Array) -> State:
    """Return the state with zero linear and angular momentum."""
    return replace(state, velocities=without_rigid_motion(state.positions, state.velocities, masses))
