"""Which frames are too far apart for the vibrations of a molecule."""

import numpy as np
import pytest

from densnet.spectra import aliasing, infrared


@pytest.mark.parametrize(("interval", "timestep"), [(2.0, 0.5), (4.0, 2.0), (2.4, 0.8)])
def test_the_highest_wavenumber_is_where_spectra_end(interval, timestep):
    axis, _ = infrared.spectrum(np.zeros((500, 3)), interval, 300.0, segment=0.4, timestep=timestep)
    assert aliasing.highest(interval, timestep) == pytest.approx(axis[-1], rel=1e-4)


def test_hydrogen_needs_shorter_intervals():
    assert aliasing.folded(4.0, 0.5, ["C", "H"]) == aliasing.folded(6.0, 0.5, ["C", "O"]) == ""
    assert aliasing.folded(4.0, 2.0, ["C", "H"])  # with such steps the O-H stretch is seen 400 cm^-1 too high
    found = aliasing.folded(6.0, 0.5, ["H", "C"])
    assert found.startswith("frames 6 fs apart show vibrations above 2772 cm^-1 in the wrong place")
    assert found.endswith("up to 4000 cm^-1")
    assert aliasing.folded(8.0, 0.5, ["C", "O"]).endswith("up to 2500 cm^-1")
