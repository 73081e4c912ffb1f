"""Tracked spectra beside a model that is not the one whose modes were tracked."""

import numpy as np
import pytest
from ase.build import molecule

from densnet.spectra import harmonic
from densnet.spectra.tracked import beside, structure

CHOSEN = [1, 4, 8, 11]
ETHYLENE = molecule("C2H4")
ETHYLENE.positions = np.round(ETHYLENE.positions + np.random.default_rng(2).normal(size=(6, 3)) * 0.05, 8)
RNG = np.random.default_rng(0)
ROOT = RNG.normal(size=(18, 18))
HESSIAN, DIPOLES = ROOT @ ROOT.T, RNG.normal(size=(18, 3))
"""Of an invented force field."""


@pytest.fixture
def modes():
    return harmonic.normal_modes(HESSIAN, DIPOLES, ETHYLENE.positions, ETHYLENE.get_masses())


def tracked(vectors, tmp_path):
    """Return the file of a space, as DFT and another model had it."""
    other = harmonic.Modes(np.arange(len(vectors)) + 7.0, vectors, np.zeros(len(vectors)))
    values = harmonic.result(ETHYLENE, other, method="DFT", captured=0.5, model={"frequencies": [1.0]})
    harmonic.write(tmp_path / "tracked.json", values)
    return harmonic.read(tmp_path / "tracked.json")


def test_in_a_space_of_its_own_modes_a_model_has_its_modes(modes, tmp_path):
    """However they are mixed in it."""
    mixed = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    values = tracked(np.einsum("kl,lai->kai", mixed, modes.vectors[CHOSEN]), tmp_path)
    found = beside(values, HESSIAN, DIPOLES)
    np.testing.assert_allclose(found["model"]["frequencies"], modes.frequencies[CHOSEN], rtol=1e-5)
    np.testing.assert_allclose(found["model"]["intensities"], modes.intensities[CHOSEN], rtol=1e-5)
    overlaps = np.einsum("kai,kai->k", found["model"]["modes"], modes.vectors[CHOSEN])
    np.testing.assert_allclose(np.abs(overlaps), 1, atol=1e-5)
    assert found["captured"] == pytest.approx(modes.intensities[CHOSEN].sum() / modes.intensities.sum(), rel=1e-5)
    np.testing.assert_array_equal(found["frequencies"], [7, 8, 9, 10])
    assert structure(found) == ETHYLENE


def test_a_space_that_misses_a_mode_misses_its_intensity(modes, tmp_path):
    """Of two modes the space has the mean alone: the mean curvature, and the dipoles of both together."""
    values = tracked((modes.vectors[:1] + modes.vectors[1:2]) / 2**0.5, tmp_path)
    found = beside(values, HESSIAN, DIPOLES)
    expected = np.sqrt((modes.frequencies[:2] ** 2).mean())
    assert found["model"]["frequencies"] == pytest.approx([expected], rel=1e-5)
    weighted = modes.vectors[:2].reshape(2, -1) / np.sqrt(np.repeat(ETHYLENE.get_masses(), 3))
    strength = harmonic.INTENSITY * ((weighted @ DIPOLES).sum(axis=0) ** 2).sum() / 2
    assert found["model"]["intensities"] == pytest.approx([strength], rel=1e-5)
    assert found["captured"] == pytest.approx(strength / modes.intensities.sum(), rel=1e-5)
