"""Line shapes: area, width, and what the Welch estimator really draws."""

import numpy as np
import pytest
from ase import units

from densnet.spectra import infrared, lineshapes


def width(grid, curve):
    above = grid[curve >= curve.max() / 2]
    return above[-1] - above[0]


def test_lines_have_unit_area_and_stated_width():
    fine = np.arange(-4000, 4000, 0.05)
    line = lineshapes.hann_line(fine, 20.0)
    assert np.trapezoid(line, fine) == pytest.approx(1, rel=1e-6)
    assert width(fine, line) == pytest.approx(20, abs=0.15)
    assert lineshapes.hann_line([20 / lineshapes.HANN_BINS], 20.0) == pytest.approx(
        lineshapes.hann_line([20 / lineshapes.HANN_BINS * (1 + 1e-4)], 20.0), rel=1e-3
    )


def test_welch_draws_this_line():
    wave = 1500.0
    time = np.arange(0, 80e3, 2.0)
    dipole = np.zeros((len(time), 3))
    dipole[:, 1] = 0.01 * np.cos(2 * np.pi * wave * 100 * units._c * time * 1e-15)
    axis, curve = infrared.spectrum(dipole, 2.0, 300.0, segment=2.0)
    near = np.abs(axis - wave) < 30
    area = np.trapezoid(curve, axis)
    drawn = lineshapes.broaden([wave], [area], axis, lineshapes.resolution(2.0))
    assert drawn[near] == pytest.approx(curve[near], abs=0.03 * curve.max())


def test_segment_and_resolution_are_inverse():
    assert lineshapes.resolution(lineshapes.segment_for(17.0)) == pytest.approx(17)
    assert lineshapes.resolution(2.0) == pytest.approx(24.03, abs=0.01)
