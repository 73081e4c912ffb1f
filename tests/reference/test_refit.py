"""A dataset fitted again, in another basis and against another prior, from the densities it keeps."""

import numpy as np
import pytest
from tests.reference.water import SVP, labelled

from densnet.config import Basis, Labels
from densnet.dataset import Dataset, gather
from densnet.errors import DataError
from densnet.reference import auxiliary
from densnet.reference.atoms import free_atoms
from densnet.reference.fits import fit_labels
from densnet.reference.refit import refit

SPLITS = ["train", "train", "validation", "test"]
SYMBOLS = ["O", "H", "H"]
ALL = Labels(keep_densities=["train", "validation", "test"], max_floor=5.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("refit")
    path = labelled(where, SPLITS, SVP)
    basis, prior = auxiliary.build(SYMBOLS, SVP, Basis(kind="even-tempered", beta=2.0)), free_atoms(SYMBOLS, SVP)
    meta = {"name": "water", "study": {"reference": SVP.level()}}
    for name, keep in (("all", ALL.keep_densities), ("few", ["test"])):
        fit_labels(path, SVP, basis, prior, out=where / f"{name}.h5", keep_densities=keep)
        gather({1: [where / f"{name}.h5"]}, where / f"{name}.zip", basis, prior, meta, labels=ALL)
    return where


def test_the_same_settings_give_the_same_fits(folder, tmp_path):
    refit(folder / "all.zip", SVP, Basis(kind="even-tempered", beta=2.0), ALL, tmp_path / "again.zip")
    before, after = Dataset.open(folder / "all.zip"), Dataset.open(tmp_path / "again.zip")
    assert after.basis == before.basis and after.free_atoms == before.free_atoms
    np.testing.assert_allclose(
        after[1].coefficients, before[1].coefficients, atol=2e-4
    )  # densities were kept in float32
    for name in ("energy", "forces", "dipole", "split", "density_matrix_frame"):
        np.testing.assert_array_equal(getattr(after[1], name), getattr(before[1], name))
    assert [path.name for path in tmp_path.iterdir()] == ["again.zip"]


@pytest.mark.parametrize(("prior", "nearest", "farthest"), [("minao", 0.5, 0.95), ("none", 3.0, 20.0)])
def test_minimal_orbitals_are_nearer_to_water_than_free_atoms_and_no_prior_is_far(
    folder, tmp_path, prior, nearest, farthest
):
    basis = Basis(prior=prior, frames=2, beta=2.0, threshold=1e-4)
    refit(folder / "all.zip", SVP, basis, ALL, tmp_path / "other.zip")
    before, after = (Dataset.open(path) for path in (folder / "all.zip", tmp_path / "other.zip"))
    ratio = after[1].prior_error / before[1].prior_error
    assert ((ratio > nearest) & (ratio < farthest)).all()
    assert after.free_atoms.kind == prior and before.free_atoms.kind == "free-atoms"
    assert after.free_atoms.energy(SYMBOLS) == before.free_atoms.energy(SYMBOLS)
    radii = np.linspace(0, 12, 40_000)
    for symbol, electrons in (("H", 1), ("O", 8)):
        shell = 4 * np.pi * radii**2 * after.free_atoms.atoms[symbol].density(radii)
        assert np.trapezoid(shell, radii) == pytest.approx(electrons, abs=1e-5)
    assert np.abs(after[1].charge_error).max() < 1e-6
    charge = after[1].coefficients @ after.basis.charges(SYMBOLS)
    assert np.abs(charge).max() < 1e-5


def test_frames_without_densities_are_counted(folder, tmp_path):
    with pytest.raises(
        DataError, match=r"3 frames of 1 monomer\(s\) without their density; say labels\.keep_densities"
    ):
        refit(folder / "few.zip", SVP, Basis(), ALL, tmp_path / "again.zip")
