"""The whole way from forces to absolute intensities, on molecules whose spectrum is known on paper."""

import numpy as np
import pytest
from tests.dynamics.springs import methanol, water

from densnet.config import Simulation
from densnet.dynamics import md
from densnet.spectra import infrared

TEMPERATURE = 300.0


def trajectory(field, folder, stride=2.0, timestep=0.5, production=20.0):
    settings = Simulation(
        lengths=[1], thermalisation=1e-9, production=production, timestep=timestep, stride=stride
    )  # no thermostat: each mode keeps the energy kT it is given
    velocities = field.thermal_velocities(TEMPERATURE)
    return md.run(field, field.atoms, settings, 1, folder / f"{stride}.h5", velocities=velocities)


def bands(field, found, segment=4.0):
    """Area and centre of the band around each mode."""
    axis, curve = infrared.spectrum(
        found.dipole, found.interval, found.temperature.mean(), segment=segment, timestep=found.timestep
    )
    near = [np.abs(axis - wave) < 60 for wave in field.modes().frequencies]
    return (
        np.array([np.trapezoid(curve[mask], axis[mask]) for mask in near]),
        np.array([np.average(axis[mask], weights=curve[mask]) for mask in near]),
    )


def test_intensities_are_the_analytic_ones(tmp_path):
    field = water()
    found = trajectory(field, tmp_path)
    areas, centres = bands(field, found)
    assert found.temperature.mean() == pytest.approx(TEMPERATURE, rel=2e-3)
    assert areas == pytest.approx(field.modes().intensities, rel=0.01)
    assert centres == pytest.approx(field.modes().frequencies, abs=1.0)


def test_total_intensity_of_a_polyatomic(tmp_path):
    field = methanol()
    found = trajectory(field, tmp_path, timestep=1.0)
    axis, curve = infrared.spectrum(found.dipole, 2.0, found.temperature.mean(), segment=2.0, timestep=1.0)
    assert np.trapezoid(curve, axis) == pytest.approx(field.modes().intensities.sum(), rel=0.01)


@pytest.mark.parametrize("stride", [1.0, 4.0])
def test_stride_and_segments_change_nothing(tmp_path, stride):
    field = water()
    areas, centres = bands(field, trajectory(field, tmp_path, stride=stride))
    assert areas == pytest.approx(field.modes().intensities, rel=0.01)
    assert centres == pytest.approx(field.modes().frequencies, abs=1.0)


def test_start_time_and_segment_length_change_nothing(tmp_path):
    field = water()
    found = trajectory(field, tmp_path)
    whole, _ = bands(field, found)
    axis, curve = infrared.spectrum(
        found.dipole[137:] + 5.0, 2.0, found.temperature.mean(), segment=6.0, timestep=found.timestep
    )
    areas = [np.trapezoid(curve[m], axis[m]) for m in (np.abs(axis - w) < 60 for w in field.modes().frequencies)]
    assert areas == pytest.approx(whole, rel=0.01)


def test_every_mode_has_the_same_share_of_the_density_of_states(tmp_path):
    field = water()
    found = trajectory(field, tmp_path, timestep=1.0)
    axis, density = infrared.vibrational_density(found.velocity, found.masses, 2.0, segment=4.0, timestep=1.0)
    near = [np.abs(axis - wave) < 60 for wave in field.modes().frequencies]
    assert [np.trapezoid(density[mask], axis[mask]) for mask in near] == pytest.approx([1 / 3] * 3, rel=0.01)
    assert [axis[mask][np.argmax(density[mask])] for mask in near] == pytest.approx(field.modes().frequencies, abs=2)
