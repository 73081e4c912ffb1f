"""The slice through a density difference: where it lies, what it shows, how it is scaled."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Bohr
from pyscf import gto
from scipy.spatial.transform import Rotation
from tests import toys
from tests.reference.water import LEVEL
from tests.training.labelled import dataset as write_dataset

from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.observables import density_difference
from densnet.report import density


def test_a_planar_molecule_lies_in_its_slice_however_it_is_turned():
    atoms = molecule("C4H4NH")
    atoms.positions = atoms.positions @ Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix() + 7.0
    plane = density.Plane.of(atoms)
    assert np.abs(plane.atoms.positions[:, 2]).max() < 1e-6
    assert plane.atoms.get_all_distances() == pytest.approx(atoms.get_all_distances())
    local = (plane.points - plane.origin) @ plane.axes.T
    assert np.abs(local[:, 2]).max() < 1e-9
    assert len(plane.points) == pytest.approx(density.POINTS, rel=0.05)
    for axis in (0, 1):
        inside = plane.atoms.positions[:, axis]
        assert local[:, axis].min() == pytest.approx(inside.min() - density.MARGIN)
        assert local[:, axis].max() == pytest.approx(inside.max() + density.MARGIN, abs=2 * plane.spacing)


def test_colours_reach_a_round_number_in_both_directions():
    assert density.scale(np.linspace(-0.4, 0.3, 1000)) == pytest.approx(0.5)
    assert density.scale(np.array([0.009, -0.011, *[0.01] * 998, 50.0])) == pytest.approx(0.01)
    assert density.scale(np.linspace(-9, 9, 1000)) == pytest.approx(10)
    assert density.scale(np.zeros(5)) == 1


@pytest.fixture
def shown(monkeypatch):
    """What would be drawn."""
    kept = {}
    monkeypatch.setattr(
        density, "_draw", lambda plane, values, out, title: kept.update(plane=plane, values=values, title=title)
    )
    return kept


def test_label_model_and_their_difference_of_the_longest_chain(tmp_path, shown):
    dataset = Dataset.open(write_dataset(tmp_path, counts=(4, 1, 2)))
    density.density_figure(dataset, toys.model(7), tmp_path / "a.svg", "chain")  # the model that made the labels
    frames = dataset[2].select("test")
    expected = density_difference(
        dataset.basis, frames.symbols, frames.positions[0], frames.coefficients[0], shown["plane"].points
    )
    assert list(shown["values"]) == ["fit to DFT", "model", "model − fit to DFT"]
    fit, found, error = shown["values"].values()
    assert fit == pytest.approx(expected)
    assert np.abs(fit).max() > 1e-3
    assert np.abs(error).max() < 1e-5 * np.abs(fit).max()
    assert error == pytest.approx(found - fit)
    assert shown["title"] == "2-mer, toy/replica 0/step 5"


def test_a_density_matrix_is_drawn_in_the_place_of_its_fit(tmp_path, shown, monkeypatch):
    monkeypatch.setattr(density, "POINTS", 2000)
    dataset = Dataset.open(write_dataset(tmp_path, counts=(4, 1, 2)))
    frames, spread = dataset[2], np.random.default_rng(0).normal(size=(9, 9))  # methane has nine orbitals in STO-3G
    matrix = spread @ spread.T / 9
    kept = {
        "density_matrix": matrix[np.tril_indices(9)][None],
        "density_matrix_frame": np.array([5]),
    }  # the first tested
    study = {"study": {"reference": LEVEL.level()}}
    dataset = replace(dataset, frames=dataset.frames | {2: replace(frames, **kept)}, meta=study)
    density.density_figure(dataset, toys.model(7), tmp_path / "a.svg")
    assert list(shown["values"]) == ["DFT", "model", "model − DFT"]
    dft, found, error = shown["values"].values()
    assert error == pytest.approx(found - dft)
    positions, points = frames.positions[5], shown["plane"].points
    geometry = list(zip(frames.symbols, positions / Bohr, strict=True))
    orbitals = gto.M(atom=geometry, unit="B", basis="STO-3G", verbose=0).eval_gto("GTOval_sph", points / Bohr)
    total = np.einsum("gi,ij,gj->g", orbitals, matrix, orbitals) / Bohr**3
    prior = dataset.free_atoms.density(frames.symbols, positions, points)
    assert dft == pytest.approx(total - prior, abs=1e-6)


def test_it_is_drawn(tmp_path):
    dataset = Dataset.open(write_dataset(tmp_path, counts=(4, 1, 2)))
    density.density_figure(dataset, toys.model(1), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text().count("<image") >= 3


def test_without_a_test_frame_there_is_nothing_to_draw(tmp_path):
    dataset = Dataset.open(write_dataset(tmp_path, counts=(4, 1, 0)))
    with pytest.raises(DataError, match=r"frames\.test"):
        density.density_figure(dataset, toys.model(1), tmp_path / "a.svg")
