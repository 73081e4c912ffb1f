"""Fitted labels: charge and dipole exact, floors honest, poor or damaged ones refused by name."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from ase.units import Bohr
from tests.reference.water import LEVEL, rattled

from densnet.basis import AuxiliaryBasis
from densnet.cli import main
from densnet.config import Basis, Labels
from densnet.dataset import Dataset, gather
from densnet.errors import CalculationError, ConvergenceError, DataError
from densnet.frames import FrameFile
from densnet.reference import auxiliary, fits, fitting, grid_errors, labels, method
from densnet.reference.atoms import PriorMatrices, free_atoms
from densnet.reference.fits import fit_labels
from densnet.reference.grid_errors import density_error

SYMBOLS = ["O", "H", "H"]


@pytest.fixture(scope="module")
def basis() -> AuxiliaryBasis:
    return auxiliary.build(SYMBOLS, LEVEL, Basis(kind="even-tempered", beta=2.0))


@pytest.fixture(scope="module")
def prior():
    return free_atoms(SYMBOLS, LEVEL)


def label(folder, name, seeds, reference=LEVEL):
    frames = [rattled(seed=k) for k in seeds]
    frames[-1].info["split"] = "test"
    labels.label(frames, reference, out=folder / f"{name}.labels.h5", failed=folder / f"{name}.failed.json")
    return folder / f"{name}.labels.h5"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Two training frames and a test frame."""
    return label(tmp_path_factory.mktemp("labels"), "three", (0, 1, 3))


def read_chunk(path):
    """Return fitted labels by name."""
    file = FrameFile.read(path, "fit")
    return SimpleNamespace(names=file.names, **file.arrays)


def fitted(tmp_path, path, basis, prior):
    out = tmp_path / f"{path.stem}.fits.h5"
    fit_labels(path, LEVEL, basis, prior, out=out)
    return out


def test_fits_have_the_charge_and_the_dipole_of_the_labels(tmp_path, labelled, basis, prior):
    known, chunk = labels.read(labelled), read_chunk(fitted(tmp_path, labelled, basis, prior))
    for name in ("positions", "energy", "forces", "dipole", "split"):
        np.testing.assert_array_equal(getattr(chunk, name), getattr(known, name))
    assert chunk.names == known.names
    assert np.abs(chunk.charge_error).max() < 1e-8
    assert chunk.dipole_error.max() < 1e-6
    # The dipole of DFT is that of the coefficients: nuclei and free atoms have none about their own centres.
    charges = basis.charges(SYMBOLS) * chunk.coefficients[2]
    centres = np.repeat(chunk.positions[2] / Bohr, np.diff(basis.offsets(SYMBOLS)), axis=0)
    moments = charges @ centres + chunk.coefficients[2] @ basis.dipoles(SYMBOLS)
    np.testing.assert_allclose(-moments * Bohr, chunk.dipole[2], atol=1e-7)
    assert (chunk.floor_error < 0.5 * chunk.prior_error).all()
    assert chunk.density_matrix_frame.tolist() == [2]
    np.testing.assert_allclose(chunk.density_matrix[0], known.density_matrix[2], atol=1e-6)


def test_errors_on_the_grid_agree_with_those_from_the_file(tmp_path, labelled, basis, prior):
    chunk = read_chunk(fitted(tmp_path, labelled, basis, prior))
    shared = SYMBOLS, chunk.positions[2], chunk.density_matrix[0]
    floor = density_error(*shared, chunk.coefficients[2], basis, prior, LEVEL)
    assert floor == pytest.approx(chunk.floor_error[2], rel=1e-6)
    empty = density_error(*shared, np.zeros(chunk.coefficients.shape[1]), basis, prior, LEVEL)
    assert empty == pytest.approx(chunk.prior_error[2], rel=1e-6)


def test_errors_are_those_of_finer_grids(monkeypatch, labelled, basis):
    known, errors = labels.read(labelled), []
    for level in (grid_errors.LEVEL, 4):
        monkeypatch.setattr(fits, "LEVEL", level)
        row = fits.fit_density(fits.Density.of(known, 2, LEVEL, PriorMatrices(SYMBOLS, LEVEL)), basis)
        errors.append([row["prior_error"], row["floor_error"]])
    np.testing.assert_allclose(*errors, rtol=5e-3)


def test_the_command_fits_a_label_file(tmp_path, labelled, basis, prior):
    study = {
        "name": "toy", "molecule": {"name": "water"}, "reference": LEVEL.model_dump(),
        "sampling": {"one": {"lengths": [1]}}, "simulation": {"lengths": [1]},
        "frames": {split: {1: 2} for split in ("train", "validation", "test")},
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    basis.save(tmp_path / "basis.json")
    prior.save(tmp_path / "atoms.json")
    options = ["--basis", tmp_path / "basis.json", "--atoms", tmp_path / "atoms.json", "-o", tmp_path / "fits.h5"]
    assert main(["-q", "fit", *map(str, (tmp_path / "study.yaml", labelled, *options))]) == 0
    np.testing.assert_array_equal(read_chunk(tmp_path / "fits.h5").energy, labels.read(labelled).energy)


def test_a_chunk_of_failures_holds_no_frame(tmp_path, labelled, basis, prior, monkeypatch):
    def fail(*arguments):
        raise ConvergenceError("SCF not converged")

    with monkeypatch.context() as patch:
        patch.setattr(labels, "converge", fail)
        bad = label(tmp_path, "bad", (5,))
    unfitted = fitted(tmp_path, bad, basis, prior)
    assert read_chunk(unfitted).names == ()
    chunks = {1: [unfitted, fitted(tmp_path, labelled, basis, prior)]}
    failed = {1: [tmp_path / "bad.failed.json", labelled.parent / "three.failed.json"]}
    out = tmp_path / "dataset.zarr.zip"
    with pytest.raises(CalculationError, match=r"1 of 4 frames failed \(toy/replica 5/step 0\)"):
        gather(chunks, out, basis, prior, {}, failed=failed, labels=Labels(max_failed_fraction=0.1, max_floor=5.0))
    gather(chunks, out, basis, prior, {}, failed=failed, labels=Labels(max_failed_fraction=0.3, max_floor=5.0))
    assert len(Dataset.open(out)[1]) == 3


def test_a_poor_fit_is_refused_by_frame(tmp_path, labelled, prior):
    poor = auxiliary.named(SYMBOLS, "def2-universal-jfit", 1)
    out = fitted(tmp_path, labelled, poor, prior)
    with pytest.raises(CalculationError, match=r"labels.max_floor = 0.5 %.*toy/replica 0/step 0 \(\d"):
        gather({1: [out]}, tmp_path / "dataset.zarr.zip", poor, prior, {}, labels=Labels(max_floor=0.5))


def test_free_atoms_of_another_study_are_refused(tmp_path, labelled, basis):
    other = free_atoms(SYMBOLS, LEVEL.model_copy(update={"xc": "LDA,VWN"}))
    with pytest.raises(DataError, match="run the atoms rule again"):
        fitted(tmp_path, labelled, basis, other)


def test_labels_of_another_level_are_refused(tmp_path, labelled, basis, prior):
    other = LEVEL.model_copy(update={"grid_level": 1})
    with pytest.raises(DataError, match=r"three.labels.h5: labels of another level of theory.*run the label rule"):
        fit_labels(labelled, other, basis, prior, out=tmp_path / "fits.h5")


def test_a_dependent_basis_is_named_with_its_frame(tmp_path, labelled, basis, prior, monkeypatch):
    monkeypatch.setattr(fitting, "REGULARISATION", -1.0)  # an indefinite metric, as rounding can make it
    with pytest.raises(CalculationError, match=r"toy/replica 0/step 0: functions .* depend on each other"):
        fitted(tmp_path, labelled, basis, prior)


def test_prior_matrices_have_the_electrons_of_the_molecule():
    mol = method.molecule(rattled(), LEVEL)
    matrix = PriorMatrices(SYMBOLS, LEVEL).density_matrix(mol)
    assert np.trace(matrix @ mol.intor("int1e_ovlp")) == pytest.approx(10)
