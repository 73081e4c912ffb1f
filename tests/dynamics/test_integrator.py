"""Conserved quantities and sampled distributions of the integrators."""

import numpy as np
import pytest
from ase import units
from tests.dynamics.springs import methanol, water

from densnet.dynamics.integrator import (
    State,
    at_rest,
    kick,
    kinetic_energy,
    langevin_drift,
    maxwell_boltzmann,
    verlet_drift,
    without_rigid_motion,
)


def start(field, temperature=300.0, seed=1):
    masses = field.atoms.get_masses()
    velocities = maxwell_boltzmann(masses, temperature, np.random.default_rng(seed))
    return at_rest(State(0, field.atoms.get_positions(), velocities, field(field.atoms.get_positions())), masses)


def verlet_step(state, field, masses, timestep):
    positions, half = verlet_drift(state, masses, timestep)
    return kick(state.step + 1, positions, half, field(positions), masses, timestep)


def test_rigid_motion_is_gone_and_the_rest_stays():
    field = methanol()
    masses = field.atoms.get_masses()
    state = start(field)
    centred = field.atoms.positions - field.atoms.get_center_of_mass()
    momentum = masses @ state.velocities
    angular = (masses[:, None] * np.cross(centred, state.velocities)).sum(axis=0)
    assert np.abs(momentum).max() < 1e-12
    assert np.abs(angular).max() < 1e-12
    again = without_rigid_motion(field.atoms.positions, state.velocities, masses)
    assert again == pytest.approx(state.velocities, abs=1e-14)


def test_verlet_conserves_energy_to_second_order():
    def swing(timestep):
        field = water()
        masses, state = field.atoms.get_masses(), start(field)
        energies = []
        for _ in range(round(100 / timestep)):
            state = verlet_step(state, field, masses, timestep * units.fs)
            energies.append(state.point.energy + kinetic_energy(state.velocities, masses))
        return np.ptp(energies)

    assert swing(0.25) < 1e-3
    assert swing(0.5) / swing(0.25) == pytest.approx(4, rel=0.15)


def test_langevin_reaches_the_temperature_in_velocities_and_positions():
    field = methanol()
    masses, state = field.atoms.get_masses(), start(field, temperature=10.0)
    rng = np.random.default_rng(3)
    potential, kinetic = [], []
    for _ in range(20000):
        step = 0.5 * units.fs
        positions, half = langevin_drift(state, masses, step, temperature=300.0, friction=0.05 / units.fs, rng=rng)
        state = kick(state.step + 1, positions, half, field(positions), masses, step)
        potential.append(state.point.energy)
        kinetic.append(kinetic_energy(state.velocities, masses))
    # 18 velocities; 12 displacements (translations and rotations feel no spring).
    assert np.mean(kinetic[1000:]) == pytest.approx(9 * units.kB * 300, rel=0.06)
    assert np.mean(potential[1000:]) == pytest.approx(6 * units.kB * 300, rel=0.06)
