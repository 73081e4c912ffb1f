"""Measures of likeness on curves whose distance is known."""

import numpy as np
import pytest
from ase.build import molecule
from scipy.spatial.transform import Rotation

from densnet.rigid import vibrational_space
from densnet.spectra import compare, harmonic, lineshapes

GRID = np.arange(400.0, 3500.0, 1.0)
STICKS = np.array([700.0, 1250.0, 2900.0])
HEIGHTS = np.array([100.0, 30.0, 60.0])


def draw(shift=0.0, scale=1.0):
    return lineshapes.broaden(STICKS + shift, scale * HEIGHTS, GRID, 20.0)


def test_equal_curves():
    found = compare.compare(GRID, draw(), draw())
    assert found["pearson"] == pytest.approx(1)
    assert found["spectral_information_similarity"] == pytest.approx(1)
    assert found["earth_movers_distance_cm"] == pytest.approx(0, abs=1e-9)
    assert found["matched_peak_mae_cm"] == 0
    assert found["matched_peaks"] == found["reference_peaks"] == 3
    assert found["area_ratio"] == pytest.approx(1)


def test_shifted_and_scaled_curves():
    found = compare.compare(GRID, draw(shift=12.0, scale=2.0), draw())
    assert found["matched_peak_mae_cm"] == pytest.approx(12, abs=1)
    assert found["earth_movers_distance_cm"] == pytest.approx(12, abs=0.5)
    assert found["area_ratio"] == pytest.approx(2, rel=0.01)
    assert found["pearson"] < 0.9
    further = compare.compare(GRID, draw(shift=40.0), draw())
    assert further["spectral_information_similarity"] < found["spectral_information_similarity"] < 1


def test_peaks_beyond_the_window_have_no_partner():
    found = compare.compare(GRID, draw(shift=200.0), draw())
    assert found["matched_peak_mae_cm"] is None
    assert (found["matched_peaks"], found["reference_peaks"]) == (0, 3)


def test_positions_are_matched_one_to_one():
    # The nearest partner of both 1000 and 1010 is 1012; together they are closest as they stand.
    assert compare.match([1010.0, 1000.0, 1500.0], [980.0, 1012.0, 1700.0]).tolist() == [[1010, 1012], [1000, 980]]
    assert compare.match([], [980.0]).shape == (0, 2)


def test_peak_table_reports_the_error_band_at_the_peak():
    rows = compare.peak_table(GRID, draw(), np.full(len(GRID), 0.25))
    assert [row["position"] for row in rows] == pytest.approx(STICKS, abs=1)
    assert all(row["standard_error"] == 0.25 for row in rows)
    assert all(row["standard_error"] is None for row in compare.peak_table(GRID, draw()))


def random_modes(atoms, seed):
    space = vibrational_space(atoms.positions, atoms.get_masses())
    count = space.shape[1]
    mixing = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, count)))[0]
    vectors = (space @ mixing).T.reshape(count, -1, 3)
    return harmonic.Modes(np.linspace(500, 3000, count), vectors, np.arange(1.0, count + 1))


def test_modes_are_matched_by_shape_in_any_orientation():
    atoms = molecule("CH3OH")
    reference = random_modes(atoms, 1)
    turn = Rotation.from_euler("xyz", [0.4, -1.2, 2.0]).as_matrix()
    order = np.random.default_rng(2).permutation(len(reference.frequencies))
    candidate = harmonic.Modes(
        reference.frequencies[order] + 7.0, reference.vectors[order] @ turn.T, reference.intensities[order] * 1.5
    )
    found = compare.compare_modes(
        candidate, atoms.positions @ turn.T + 5.0, reference, atoms.positions, atoms.get_masses()
    )
    assert found["frequency_mae_cm"] == pytest.approx(7)
    assert found["intensity_pearson"] == pytest.approx(1)
    assert sorted(pair[1] for pair in found["pairs"]) == list(range(len(order)))
    assert all(order[i] == j for i, j, _ in found["pairs"])


def test_a_few_tracked_modes_find_their_partners():
    atoms = molecule("CH3OH")
    full = random_modes(atoms, 3)
    few = harmonic.Modes(full.frequencies[[4, 9]] - 5, full.vectors[[4, 9]], full.intensities[[4, 9]])
    found = compare.compare_modes(full, atoms.positions, few, atoms.positions, atoms.get_masses())
    assert [pair[:2] for pair in found["pairs"]] == [[4, 0], [9, 1]]
    assert found["frequency_mae_cm"] == pytest.approx(5)
