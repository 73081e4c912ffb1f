"""Tracked spectra beside a model that is not the one whose modes were tracked."""

import numpy as np
import pytest
from ase.build import molecule

from densnet.spectra import harmonic
from densnet.spectra.tracked import beside, structure


@pytest.fixture
def modes():
    """Modes of an invented force field of ethylene."""
    atoms = molecule("C2H4")
    rng = np.random.default_rng(0)
    root = rng.normal(size=(18, 18))
    return harmonic.normal_modes(root @ root.T, rng.normal(size=(18, 3)), atoms.positions, atoms.get_masses())


def tracked(modes, chosen, tmp_path):
    """Return the file of some modes, as another model had them: 7 cm^-1 higher, in pairs mixed, without intensities."""
    vectors = modes.vectors[chosen].copy()
    turn = np.array([[0.9, 0.1], [-0.1, 0.9]]) / 0.82**0.5
    vectors[:2] = np.einsum("kl,lai->kai", turn, vectors[:2])
    other = harmonic.Modes(modes.frequencies[chosen] + 7, vectors, np.zeros(len(chosen)))
    values = harmonic.result(molecule("C2H4"), other, method="DFT", captured=0.5, model={"frequencies": [1.0]})
    harmonic.write(tmp_path / "tracked.json", values)
    return harmonic.read(tmp_path / "tracked.json")


def test_the_nearest_modes_take_the_place_of_the_tracked_ones(modes, tmp_path):
    chosen = [1, 4, 8, 11]
    found = beside(tracked(modes, chosen, tmp_path), modes)
    assert found["model"]["frequencies"] == modes.frequencies[chosen].tolist()
    assert found["model"]["intensities"] == modes.intensities[chosen].tolist()
    assert found["captured"] == pytest.approx(modes.intensities[chosen].sum() / modes.intensities.sum(), rel=1e-6)
    np.testing.assert_allclose(found["frequencies"], modes.frequencies[chosen] + 7, atol=1e-4)
    assert structure(found) == molecule("C2H4")


def test_captured_is_what_lies_in_the_tracked_space(modes, tmp_path):
    """Of a mode that the space holds to a tenth, a tenth of the intensity."""
    values = tracked(modes, [1, 4, 8, 11], tmp_path)
    values["modes"] = (0.1**0.5 * modes.vectors[:1]) + 0.9**0.5 * modes.vectors[1:2]
    share = (0.1 * modes.intensities[0] + 0.9 * modes.intensities[1]) / modes.intensities.sum()
    assert beside(values, modes)["captured"] == pytest.approx(share)
