"""The estimator on signals whose spectrum is known, and what must not change it."""

import numpy as np
import pytest
from ase import units

from densnet.errors import DataError
from densnet.spectra import infrared
from densnet.spectra.harmonic import INTENSITY

WAVES = np.array([450.0, 1480.0, 3050.0])
CHARGES = np.array([0.4, 0.1, 0.25])  # e u^-1/2, dipole along one axis each
TEMPERATURE = 300.0


def signal(interval, length=60e3, shift=0.0, verlet=None):
    """Dipole (e Å) of three oscillators, each with the thermal energy kT; exact, or as velocity Verlet would give."""
    time = shift + np.arange(0, length, interval)
    omega = 2 * np.pi * WAVES * 100 * units._c * 1e-15  # 1/fs
    unit = np.sqrt(units._e * 1e20 / units._amu) * 1e-15  # (eV/u)^1/2 in Å/fs
    velocity = np.sqrt(2 * units.kB * TEMPERATURE) * unit  # amplitude of the mass-weighted velocity
    if verlet:
        seen = 2 / verlet * np.arcsin(omega * verlet / 2)
        amplitude = velocity * verlet / np.sin(seen * verlet)
    else:
        seen, amplitude = omega, velocity / omega
    return CHARGES * amplitude * np.cos(seen * time[:, None] + [0.3, 1.1, 2.0])


def areas(axis, curve):
    return [np.trapezoid(curve[mask], axis[mask]) for mask in (np.abs(axis - wave) < 150 for wave in WAVES)]


def centres(axis, curve):
    return [np.average(axis[m], weights=curve[m]) for m in (np.abs(axis - wave) < 60 for wave in WAVES)]


@pytest.mark.parametrize("interval", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("segment", [2.0, 4.0])
def test_areas_are_harmonic_intensities(interval, segment):
    axis, curve = infrared.spectrum(signal(interval), interval, TEMPERATURE, segment=segment)
    assert areas(axis, curve) == pytest.approx(INTENSITY * CHARGES**2, rel=0.01)


@pytest.mark.parametrize("timestep", [0.5, 1.0])
def test_the_finite_step_is_undone(timestep):
    dipole = signal(2.0, verlet=timestep)
    axis, curve = infrared.spectrum(dipole, 2.0, TEMPERATURE, segment=4.0, timestep=timestep)
    assert centres(axis, curve) == pytest.approx(WAVES, abs=0.5)
    assert areas(axis, curve) == pytest.approx(INTENSITY * CHARGES**2, rel=0.01)
    raw_axis, raw = infrared.spectrum(dipole, 2.0, TEMPERATURE, segment=4.0)
    assert centres(raw_axis, raw)[2] - WAVES[2] > 9  # what would be left in the figure


def test_origin_and_start_do_not_matter():
    axis, curve = infrared.spectrum(signal(2.0), 2.0, TEMPERATURE, segment=2.0)
    _, moved = infrared.spectrum(signal(2.0) + np.array([3.0, -1.0, 20.0]), 2.0, TEMPERATURE, segment=2.0)
    assert moved == pytest.approx(curve, abs=1e-6 * curve.max())
    _, later = infrared.spectrum(signal(2.0, shift=777.0), 2.0, TEMPERATURE, segment=2.0)
    assert areas(axis, later) == pytest.approx(areas(axis, curve), rel=0.01)


def test_temperature_scales_the_absorption():
    _, warm = infrared.spectrum(signal(2.0), 2.0, TEMPERATURE, segment=2.0)
    _, cold = infrared.spectrum(signal(2.0), 2.0, TEMPERATURE / 2, segment=2.0)
    assert cold == pytest.approx(2 * warm)


def test_too_short_a_trajectory_is_refused():
    with pytest.raises(DataError, match="shorter than one segment"):
        infrared.spectrum(np.zeros((10, 3)), 2.0, TEMPERATURE, segment=2.0)
    with pytest.raises(DataError, match="fewer than 4 stored steps"):
        infrared.spectrum(np.zeros((10, 3)), 2.0, TEMPERATURE, segment=0.005)


def test_average_and_standard_error():
    grid = np.linspace(0, 100, 11)
    mean, error = infrared.average([(grid, np.full(11, value)) for value in (1.0, 2.0, 6.0)], grid)
    assert mean == pytest.approx(np.full(11, 3.0))
    assert error == pytest.approx(np.full(11, np.std([1, 2, 6], ddof=1) / np.sqrt(3)))
    assert infrared.average([(grid, grid)], grid)[1] is None
    assert infrared.average([(grid[:4], 1 + grid[:4])], grid)[0].tolist() == [1, 11, 21, 31, *[0] * 7]


def test_vibrational_density_finds_the_velocities():
    time = np.arange(0, 20e3, 2.0)
    omega = 2 * np.pi * 1200 * 100 * units._c * 1e-15
    velocities = np.zeros((len(time), 2, 3))
    velocities[:, 0, 0] = np.cos(omega * time)
    axis, density = infrared.vibrational_density(velocities, [1.0, 12.0], 2.0, 2.0)
    assert axis[np.argmax(density)] == pytest.approx(1200, abs=3)
    assert np.trapezoid(density, axis) == pytest.approx(1)
    # Velocity Verlet with steps of 1 fs shows this frequency for a mode that is lower.
    moved, density = infrared.vibrational_density(velocities, [1.0, 12.0], 2.0, 2.0, timestep=1.0)
    true = 2 / 1.0 * np.sin(omega * 1.0 / 2) / (2 * np.pi * 100 * units._c * 1e-15)
    assert moved[np.argmax(density)] == pytest.approx(true, abs=1)
    assert np.trapezoid(density, moved) == pytest.approx(1, rel=1e-3)
