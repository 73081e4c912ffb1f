"""Labels: right, complete and resumable; frames that fail are listed, never labelled."""

import json

import ase.io
import h5py
import numpy as np
import pytest
from ase.units import Bohr, Hartree
from pyscf import lib
from tests.reference.water import LEVEL, rattled

from densnet.basis import AuxiliaryBasis
from densnet.cli import main
from densnet.config import Basis, Labels
from densnet.dataset import SPLITS, Dataset, gather, read_chunk
from densnet.errors import CalculationError, DataError
from densnet.reference import auxiliary, labels, method
from densnet.reference.atoms import PriorMatrices, free_atoms
from densnet.reference.grid_errors import density_error

SYMBOLS = ["O", "H", "H"]


@pytest.fixture(scope="module")
def basis() -> AuxiliaryBasis:
    return auxiliary.build(SYMBOLS, LEVEL, Basis(kind="even-tempered", beta=2.0))


@pytest.fixture(scope="module")
def prior():
    return free_atoms(SYMBOLS, LEVEL)


@pytest.fixture
def frames():
    found = [rattled(seed=k) for k in range(4)]
    for frame, split in zip(found, ("train", "train", "validation", "test"), strict=True):
        frame.info["split"] = split
    return found


def label(tmp_path, frames, basis, prior, reference=LEVEL, name="0"):
    out = tmp_path / f"{name}.h5"
    labels.label(
        frames,
        reference,
        basis,
        prior,
        out=out,
        failed=tmp_path / f"{name}.failed.json",
    )
    return out


def test_labels_are_what_they_say(tmp_path, frames, basis, prior):
    chunk = read_chunk(label(tmp_path, frames, basis, prior))
    assert [SPLITS[k] for k in chunk.split] == ["train", "train", "validation", "test"]
    mf = method.mean_field(frames[3], LEVEL)
    method.converge(mf)
    assert chunk.energy[3] == pytest.approx(mf.e_tot * Hartree, abs=1e-6)
    assert np.abs(chunk.charge_error).max() < 1e-8
    assert chunk.dipole_error.max() < 1e-6
    # The dipole of DFT is that of the coefficients: nuclei and free atoms have none about their own centres.
    charges = basis.charges(SYMBOLS) * chunk.coefficients[3]
    centres = np.repeat(chunk.positions[3] / Bohr, np.diff(basis.offsets(SYMBOLS)), axis=0)
    moments = charges @ centres + chunk.coefficients[3] @ basis.dipoles(SYMBOLS)
    np.testing.assert_allclose(-moments * Bohr, chunk.dipole[3], atol=1e-7)
    assert (chunk.floor_error < 0.5 * chunk.prior_error).all()
    assert chunk.density_matrix_frame.tolist() == [3]
    np.testing.assert_allclose(lib.unpack_tril(chunk.density_matrix[0]), method.density_matrix(mf), atol=1e-6)
    with h5py.File(tmp_path / "0.h5") as file:
        assert json.loads(file.attrs["provenance"])["reference"]["basis"] == "STO-3G"
    assert json.loads((tmp_path / "0.failed.json").read_text()) == []


def test_errors_on_the_grid_agree_with_those_from_the_file(tmp_path, frames, basis, prior):
    chunk = read_chunk(label(tmp_path, frames, basis, prior))
    shared = SYMBOLS, chunk.positions[3], chunk.density_matrix[0]
    floor = density_error(*shared, chunk.coefficients[3], basis, prior, LEVEL)
    assert floor == pytest.approx(chunk.floor_error[3], rel=1e-6)
    empty = density_error(*shared, np.zeros(chunk.coefficients.shape[1]), basis, prior, LEVEL)
    assert empty == pytest.approx(chunk.prior_error[3], rel=1e-6)


def test_a_killed_job_continues_with_the_same_numbers(tmp_path, frames, basis, prior, monkeypatch):
    whole = read_chunk(label(tmp_path, frames, basis, prior, name="whole"))
    original, count = labels.label_frame, 0

    def dying(*arguments):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(labels, "label_frame", dying)
    with pytest.raises(KeyboardInterrupt):
        label(tmp_path, frames, basis, prior, name="killed")
    assert not (tmp_path / "killed.h5").exists()
    (tmp_path / "killed.part" / "00000.npz").write_bytes(b"half")  # and one part did not survive
    resumed = read_chunk(label(tmp_path, frames, basis, prior, name="killed"))
    assert count == 3 + 3  # all but the second frame
    assert not (tmp_path / "killed.part").exists()
    for name in ("energy", "forces", "dipole", "coefficients", "floor_error"):
        assert (getattr(whole, name) == getattr(resumed, name)).all()


def test_parts_of_another_level_are_not_used(tmp_path, frames, basis, prior, monkeypatch):
    rows, _ = labels._rows(frames[:1], LEVEL, basis, prior, tmp_path / "0.part")
    finer = LEVEL.model_copy(update={"grid_level": 1})
    assert labels._rows(frames[:1], finer, basis, prior, tmp_path / "0.part")[0][0]["energy"] != rows[0]["energy"]


def test_unconverged_frames_never_become_labels(tmp_path, frames, basis, prior, monkeypatch):
    original = method.converge

    def converge(mf):
        if np.allclose(mf.mol.atom_coords(unit="A"), frames[1].positions):
            mf = method.mean_field(frames[1], LEVEL.model_copy(update={"max_cycle": 1}))
        return original(mf)

    monkeypatch.setattr(method, "converge", converge)
    out = label(tmp_path, frames, basis, prior)
    assert len(read_chunk(out)) == 3
    with h5py.File(out) as file:
        assert file["frame"].asstr()[:].tolist() == [f"toy/replica {k}/step 0" for k in (0, 2, 3)]
    failures = json.loads((tmp_path / "0.failed.json").read_text())
    assert [entry["frame"] for entry in failures] == ["toy/replica 1/step 0"]
    assert "not converged" in failures[0]["error"]


def test_a_chunk_of_failures_holds_no_frame(tmp_path, frames, basis, prior):
    labelled, unlabelled = (tmp_path / f"{name}.h5" for name in ("good", "bad"))
    label(tmp_path, frames[:3], basis, prior, name="good")
    label(tmp_path, frames[3:], basis, prior, LEVEL.model_copy(update={"max_cycle": 1, "conv_tol": 1e-14}), name="bad")
    assert len(read_chunk(unlabelled)) == 0
    assert not (tmp_path / "bad.part").exists()
    chunks, failed = {1: [unlabelled, labelled]}, {1: [tmp_path / "bad.failed.json", tmp_path / "good.failed.json"]}
    out = tmp_path / "dataset.zarr.zip"
    with pytest.raises(CalculationError, match=r"1 of 4 frames failed \(toy/replica 3/step 0\)"):
        gather(chunks, out, basis, prior, {}, failed=failed, labels=Labels(max_failed_fraction=0.1, max_floor=5.0))
    gather(chunks, out, basis, prior, {}, failed=failed, labels=Labels(max_failed_fraction=0.3, max_floor=5.0))
    assert len(Dataset.open(out)[1]) == 3


def test_the_command_says_how_many_frames_failed(tmp_path, frames, basis, prior, monkeypatch, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(
        "name: toy\nmolecule: {name: water}\nsampling: {one: {lengths: [1]}}\nsimulation: {lengths: [1]}\n"
        "frames: {train: {1: 5}, validation: {1: 2}, test: {1: 2}}\n"
        f"reference: {json.dumps(LEVEL.model_dump())}\n"
    )
    ase.io.write(tmp_path / "frames.xyz", frames[:2], format="extxyz")
    basis.save(tmp_path / "basis.json")
    prior.save(tmp_path / "atoms.json")
    original, failing = labels.label_frame, [1]

    def some(frame, *arguments):
        if any(np.allclose(frame.positions, frames[k].positions, atol=1e-6) for k in failing):
            raise CalculationError("SCF not converged")
        return original(frame, *arguments)

    monkeypatch.setattr(labels, "label_frame", some)
    command = ["-q", "label", *(str(tmp_path / name) for name in ("study.yaml", "frames.xyz"))]
    for option, name in (("--basis", "basis.json"), ("--atoms", "atoms.json"), ("-o", "labels.h5")):
        command += [option, str(tmp_path / name)]
    assert main(command) == 0
    assert "1 of 2 frames could not be labelled" in capsys.readouterr().err
    failing.append(0)
    assert main(command) != 0
    assert "frames.xyz: none of 2 frame(s) could be labelled" in capsys.readouterr().err


def test_a_poor_fit_is_refused_by_frame(tmp_path, frames, prior):
    poor = auxiliary.named(SYMBOLS, "def2-universal-jfit", 1)
    out = label(tmp_path, frames[:1], poor, prior)
    with pytest.raises(CalculationError, match=r"labels.max_floor = 0.5 %.*toy/replica 0/step 0 \(\d"):
        gather({1: [out]}, tmp_path / "dataset.zarr.zip", poor, prior, {}, labels=Labels(max_floor=0.5))


def test_free_atoms_of_another_study_are_refused(tmp_path, frames, basis):
    other = free_atoms(SYMBOLS, LEVEL.model_copy(update={"xc": "LDA,VWN"}))
    with pytest.raises(DataError, match="run the atoms rule again"):
        label(tmp_path, frames[:1], basis, other)


def test_frames_of_two_molecules_are_refused(tmp_path, frames, basis, prior):
    with pytest.raises(DataError, match="one molecule"):
        label(tmp_path, [frames[0], rattled("CH4")], basis, prior)


def test_frames_with_another_order_of_atoms_are_refused(tmp_path, frames, basis, prior):
    with pytest.raises(DataError, match="atoms in one order; found H2O, OH2"):
        label(tmp_path, [frames[0], frames[1][[1, 2, 0]]], basis, prior)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_label_file_is_refused(tmp_path, frames, basis, prior, damage):
    out = label(tmp_path, frames, basis, prior)
    content = bytearray(out.read_bytes())
    with h5py.File(out) as file:
        place = file["coefficients"].chunks and file["coefficients"].id.get_chunk_info(0).byte_offset
    if damage == "flip":
        content[place + 10] ^= 0x40
    out.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    with pytest.raises(DataError, match=r"0.h5: damaged or incomplete label file.*delete it"):
        gather({1: [out]}, tmp_path / "dataset.zarr.zip", basis, prior, {})


def test_prior_matrices_have_the_electrons_of_the_molecule():
    mol = method.molecule(rattled(), LEVEL)
    matrix = PriorMatrices(SYMBOLS, LEVEL).density_matrix(mol)
    assert np.trace(matrix @ mol.intor("int1e_ovlp")) == pytest.approx(10)
