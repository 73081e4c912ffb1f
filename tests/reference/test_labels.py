"""Labels: right, complete and resumable; frames that fail are listed, never labelled."""

import json

import ase.io
import h5py
import numpy as np
import pytest
from ase.units import Bohr, Hartree
from pyscf import lib
from tests.reference.water import LEVEL, rattled

from densnet.cli import main
from densnet.config import SPLITS
from densnet.errors import CalculationError, DataError
from densnet.frames import FrameFile
from densnet.reference import labels, method
from densnet.reference.convergence import converge
from densnet.reference.polar import polar_tensors


@pytest.fixture
def frames():
    found = [rattled(seed=k) for k in range(4)]
    for frame, split in zip(found, ("train", "train", "validation", "test"), strict=True):
        frame.info["split"] = split
    return found


def label(tmp_path, frames, reference=LEVEL, name="0"):
    out = tmp_path / f"{name}.h5"
    labels.label(frames, reference, out=out, failed=tmp_path / f"{name}.failed.json")
    return out


def test_labels_are_what_they_say(tmp_path, frames):
    found = labels.read(label(tmp_path, frames))
    assert [SPLITS[k] for k in found.split] == ["train", "train", "validation", "test"]
    assert found.names[2] == "toy/replica 2/step 0"
    mf = method.mean_field(frames[3], LEVEL)
    converge(mf)
    assert found.energy[3] == pytest.approx(mf.e_tot * Hartree, abs=1e-6)
    np.testing.assert_allclose(found.dipole[3], mf.dip_moment(unit="AU", verbose=0) * Bohr, atol=1e-6)
    np.testing.assert_allclose(lib.unpack_tril(found.density_matrix[3]), method.density_matrix(mf), atol=1e-8)
    assert found.about["level"]["basis"] == "STO-3G"
    assert "pyscf" in found.about["provenance"]["versions"]
    assert json.loads((tmp_path / "0.failed.json").read_text()) == []


def test_polar_tensors_where_they_are_wanted(tmp_path, frames):
    frames[1].info["polar"] = True
    found = labels.read(label(tmp_path, frames)).polar_tensor
    assert found.shape == (4, 3, 3, 3)
    assert np.isnan(found[[0, 2, 3]]).all()
    mf = method.mean_field(frames[1], LEVEL)
    converge(mf)
    np.testing.assert_allclose(found[1], polar_tensors(mf, LEVEL), atol=1e-6)


def test_a_field_that_does_not_converge_costs_no_other_label(tmp_path, frames, monkeypatch, caplog):
    def fails(*_):
        raise CalculationError("did not converge in a field")

    monkeypatch.setattr(labels, "polar_tensors", fails)
    frames[1].info["polar"] = True
    found = labels.read(label(tmp_path, frames))
    assert len(found) == 4
    assert np.isnan(found.polar_tensor).all()
    assert "toy/replica 1/step 0: without polar tensors" in caplog.text
    assert "did not converge in a field" in caplog.text


def test_files_older_than_polar_tensors_are_read(tmp_path, frames):
    file = FrameFile.read(label(tmp_path, frames), "label")
    arrays = {name: values for name, values in file.arrays.items() if name != "polar_tensor"}
    FrameFile(file.symbols, file.names, arrays, file.about).write(tmp_path / "old.h5")
    found = labels.read(tmp_path / "old.h5").polar_tensor
    assert found.shape == (4, 3, 3, 3)
    assert np.isnan(found).all()


def test_files_of_one_molecule_are_read_as_one_set(tmp_path, frames):
    paths = [label(tmp_path, part, name=str(k)) for k, part in enumerate((frames[:1], frames[1:]))]
    together, first = labels.read_all(paths), labels.read(paths[0])
    assert together.names == tuple(f"toy/replica {k}/step 0" for k in range(4))
    np.testing.assert_array_equal(together.of("train").energy, together.energy[:2])
    np.testing.assert_array_equal(first.density_matrix[0], together.of("train").density_matrix[0])


def test_a_killed_job_continues_with_the_same_numbers(tmp_path, frames, monkeypatch):
    whole = labels.read(label(tmp_path, frames, name="whole"))
    original, count = labels.label_frame, 0

    def dying(*arguments):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(labels, "label_frame", dying)
    with pytest.raises(KeyboardInterrupt):
        label(tmp_path, frames, name="killed")
    assert not (tmp_path / "killed.h5").exists()
    (tmp_path / "killed.part" / "00000.npz").write_bytes(b"half")  # and one part did not survive
    resumed = labels.read(label(tmp_path, frames, name="killed"))
    assert count == 3 + 3  # all but the second frame
    assert not (tmp_path / "killed.part").exists()
    for name in labels.ARRAYS:
        np.testing.assert_array_equal(getattr(whole, name), getattr(resumed, name))


def test_parts_of_another_level_are_not_used(tmp_path, frames):
    rows, _ = labels._rows(frames[:1], LEVEL, tmp_path / "0.part")
    finer = LEVEL.model_copy(update={"grid_level": 1})
    assert labels._rows(frames[:1], finer, tmp_path / "0.part")[0][0]["energy"] != rows[0]["energy"]


def test_unconverged_frames_never_become_labels(tmp_path, frames, monkeypatch):
    def hindered(mf, *guess):
        if np.allclose(mf.mol.atom_coords(unit="A"), frames[1].positions):
            mf = method.mean_field(frames[1], LEVEL.model_copy(update={"max_cycle": 1}))
        return converge(mf, *guess)

    monkeypatch.setattr(labels, "converge", hindered)
    assert labels.read(label(tmp_path, frames)).names == tuple(f"toy/replica {k}/step 0" for k in (0, 2, 3))
    failures = json.loads((tmp_path / "0.failed.json").read_text())
    assert [entry["frame"] for entry in failures] == ["toy/replica 1/step 0"]
    assert "not converged" in failures[0]["error"]


def test_the_command_says_how_many_frames_failed(tmp_path, frames, monkeypatch, capsys):
    study = tmp_path / "study.yaml"
    study.write_text(
        "name: toy\nmolecule: {name: water}\nsampling: {one: {lengths: [1]}}\nsimulation: {lengths: [1]}\n"
        "frames: {train: {1: 5}, validation: {1: 2}, test: {1: 2}}\n"
        f"reference: {json.dumps(LEVEL.model_dump())}\n"
    )
    ase.io.write(tmp_path / "frames.xyz", frames[:2], format="extxyz")
    original, failing = labels.label_frame, [1]

    def some(frame, *arguments):
        if any(np.allclose(frame.positions, frames[k].positions, atol=1e-6) for k in failing):
            raise CalculationError("SCF not converged")
        return original(frame, *arguments)

    monkeypatch.setattr(labels, "label_frame", some)
    command = ["-q", "label", *(str(tmp_path / name) for name in ("study.yaml", "frames.xyz"))]
    command += ["-o", str(tmp_path / "labels.h5")]
    assert main(command) == 0
    assert "1 of 2 frames could not be labelled" in capsys.readouterr().err
    failing.append(0)
    assert main(command) != 0
    assert "frames.xyz: none of 2 frame(s) could be labelled" in capsys.readouterr().err


def test_frames_of_two_molecules_are_refused(tmp_path, frames):
    with pytest.raises(DataError, match="one molecule"):
        label(tmp_path, [frames[0], rattled("CH4")])


def test_frames_with_another_order_of_atoms_are_refused(tmp_path, frames):
    with pytest.raises(DataError, match="atoms in one order; found H2O, OH2"):
        label(tmp_path, [frames[0], frames[1][[1, 2, 0]]])


@pytest.mark.parametrize("place", [b"step 0", b'"O"', b"GCOL", None], ids=["name", "symbol", "heap", "number"])
def test_a_flipped_byte_is_noticed(tmp_path, frames, place):
    out = label(tmp_path, frames)
    content = bytearray(out.read_bytes())
    with h5py.File(out) as file:
        numbers = file["density_matrix"].id.get_offset()
    content[content.index(place) + 1 if place else numbers + 10] ^= 0x01
    out.write_bytes(content)
    with pytest.raises(DataError, match=r"0.h5: damaged.*delete it and run the label rule"):
        labels.read(out)


def test_files_without_a_seal_are_read(tmp_path, frames):
    out = label(tmp_path, frames)
    out.write_bytes(out.read_bytes()[512:])
    assert len(labels.read(out)) == len(frames)


def test_half_a_file_is_refused(tmp_path, frames):
    out = label(tmp_path, frames)
    out.write_bytes(out.read_bytes()[: out.stat().st_size // 2])
    with pytest.raises(DataError, match=r"0.h5: damaged or incomplete.*delete it and run the label rule"):
        labels.read(out)


def test_labels_that_are_no_numbers_are_failures(tmp_path, frames, monkeypatch):
    monkeypatch.setattr(method, "gradient", lambda mf, reference: np.full((3, 3), np.nan))
    assert len(labels.read(label(tmp_path, frames[:1]))) == 0
    assert "forces not finite" in json.loads((tmp_path / "0.failed.json").read_text())[0]["error"]


def test_how_hard_a_label_was_computed_is_no_part_of_it(tmp_path, frames, monkeypatch):
    labels._rows(frames[:1], LEVEL, tmp_path / "0.part")
    monkeypatch.setattr(labels, "label_frame", None)  # would be called if the first label were not taken
    rows, _ = labels._rows(frames[:1], LEVEL.model_copy(update={"max_cycle": 99}), tmp_path / "0.part")
    assert len(rows) == 1
