"""Files of fitted labels to dataset and back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.training.labelled import about_fits

from densnet.basis import AuxiliaryBasis
from densnet.config import Labels
from densnet.dataset import Dataset, gather
from densnet.errors import CalculationError, DataError
from densnet.frames import PER_FRAME, FrameFile
from densnet.gaussians import Shell
from densnet.prior import FreeAtom, FreeAtoms

BASIS = AuxiliaryBasis({"H": (Shell(0, (1.0,), (1.0,)), Shell(1, (0.8,), (1.0,)))}, "toy")
OTHER = FreeAtoms({"H": FreeAtom("H", -0.4, (0,), (1.0,), (0.2,))}, {"xc": "BLYP"})
ATOMS = FreeAtoms({"H": FreeAtom("H", -0.5, (0,), (1.0,), (0.2,))}, {"xc": "PBE"})


def write_chunk(path, splits, seed=0, symbols=("H", "H"), **changes):
    rng, n = np.random.default_rng(seed), len(splits)
    shapes = {
        "positions": (n, len(symbols), 3),
        "forces": (n, len(symbols), 3),
        "dipole": (n, 3),
        "coefficients": (n, 8),
    }
    tests = [k for k, split in enumerate(splits) if split == 2]
    arrays = {name: np.zeros(n) if name not in shapes else rng.normal(size=shapes[name]) for name in PER_FRAME}
    arrays |= {"split": np.array(splits), "energy": rng.normal(size=n), "floor_error": np.linspace(0.1, 0.5, n)}
    arrays |= {"density_matrix": rng.normal(size=(len(tests), 3)), "density_matrix_frame": np.array(tests, dtype=int)}
    names = tuple(f"aimd/replica 0/step {k}" for k in range(n))
    FrameFile(tuple(symbols), names, arrays | changes, about_fits(BASIS, ATOMS)).write(path)
    return path


def test_round_trip_keeps_every_number(tmp_path):
    paths = [write_chunk(tmp_path / "0.h5", [0, 2, 1], 0), write_chunk(tmp_path / "1.h5", [2, 2], 1)]
    gather({1: paths}, tmp_path / "d.zip", BASIS, ATOMS, {"note": "toy"})
    frames = Dataset.open(tmp_path / "d.zip")[1]
    parts = [FrameFile.read(path, "fit").arrays for path in paths]
    for name in (*PER_FRAME, "density_matrix"):
        np.testing.assert_array_equal(getattr(frames, name), np.concatenate([part[name] for part in parts]))
    assert frames.density_matrix_frame.tolist() == [1, 3, 4]
    assert frames.names[3:] == ("aimd/replica 0/step 0", "aimd/replica 0/step 1")
    test = frames.select("test")
    assert test.names == tuple(frames.names[k] for k in (1, 3, 4))
    assert test.density_matrix_frame.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(test.energy, frames.energy[[1, 3, 4]])
    assert len(frames.select("validation").density_matrix) == 0


@pytest.fixture
def learned(tmp_path):
    """Chains of one and two monomers with 12 and 6 training frames."""
    paths = {n: [write_chunk(tmp_path / f"{n}.h5", [0] * 6 * k + [1, 2], n)] for n, k in ((1, 2), (2, 1))}
    gather(paths, tmp_path / "d.zip", BASIS, ATOMS, {"study": {"seed": 3, "reference": None}})
    return Dataset.open(tmp_path / "d.zip")


def chosen(dataset):
    return {(length, name) for length, frames in dataset.of("train") for name in frames.names}


def test_fewer_training_frames_are_part_of_more(learned):
    sets = [chosen(learned.learning_from(count)) for count in (3, 8, 15, 18)]
    assert [len(one) for one in sets] == [3, 8, 15, 18]
    assert sets[0] < sets[1] < sets[2] < sets[3] == chosen(learned) == chosen(learned.learning_from(None))
    assert {length for length, _ in sets[1]} == {1, 2}
    assert sets[1] != {(1, name) for name in learned[1].names[:8]}  # in a random order
    assert sets[1] == chosen(learned.learning_from(8))


def test_another_seed_chooses_other_training_frames(learned):
    other = replace(learned, meta={"study": {"seed": 4}})
    assert chosen(other.learning_from(8)) != chosen(learned.learning_from(8))


def test_training_frames_by_length_and_the_other_splits(learned):
    fewer = learned.learning_from({1: 5})
    assert [(length, len(frames)) for length, frames in fewer.of("train")] == [(1, 5)]  # not named, not learned from
    for split in ("validation", "test"):
        for (_, before), (_, after) in zip(learned.of(split), fewer.of(split), strict=True):
            np.testing.assert_array_equal(after.energy, before.energy)
            np.testing.assert_array_equal(after.density_matrix, before.density_matrix)
    assert len(chosen(learned.learning_from({1: 5, 2: 99}))) == 11


def test_splits_are_listed_by_length(tmp_path):
    paths = {2: [write_chunk(tmp_path / "2.h5", [2])], 1: [write_chunk(tmp_path / "1.h5", [0, 1])]}
    gather(paths, tmp_path / "d.zip", BASIS, ATOMS, {})
    dataset = Dataset.open(tmp_path / "d.zip")
    assert dataset.lengths == [1, 2]
    assert [length for length, _ in dataset.of("train")] == [1]
    assert dataset.basis == BASIS
    assert dataset.free_atoms == ATOMS


def test_damaged_files_are_refused_by_name(tmp_path):
    path = write_chunk(tmp_path / "0.h5", [0])
    gather({1: [path]}, tmp_path / "d.zip", BASIS, ATOMS, {})
    for name in ("0.h5", "d.zip"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"0\.h5"):
        gather({1: [path]}, tmp_path / "e.zip", BASIS, ATOMS, {})
    assert not (tmp_path / "e.zip").exists()
    with pytest.raises(DataError, match=r"d\.zip"):
        Dataset.open(tmp_path / "d.zip")


def test_flipped_byte_in_the_dataset_is_noticed(tmp_path):
    gather({1: [write_chunk(tmp_path / "0.h5", [0] * 50)]}, tmp_path / "d.zip", BASIS, ATOMS, {})
    data = bytearray((tmp_path / "d.zip").read_bytes())
    data[data.find(b"1/coefficients/c") + 200] ^= 0xFF
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"d\.zip"):
        Dataset.open(tmp_path / "d.zip")


def test_a_method_of_compression_that_nobody_knows_is_damage(tmp_path):
    gather({1: [write_chunk(tmp_path / "0.h5", [0])]}, tmp_path / "d.zip", BASIS, ATOMS, {})
    data = bytearray((tmp_path / "d.zip").read_bytes())
    data[data.find(b"PK\x01\x02") + 10] = 77  # of the first member, in the list of contents
    data[data.find(b"PK\x03\x04") + 8] = 77
    (tmp_path / "d.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"d\.zip: not a readable dataset"):
        Dataset.open(tmp_path / "d.zip")


def test_files_that_do_not_belong_together(tmp_path):
    paths = [write_chunk(tmp_path / "0.h5", [0]), write_chunk(tmp_path / "1.h5", [0], symbols=("H", "H", "H"))]
    with pytest.raises(DataError, match=r"1\.h5"):
        gather({1: paths}, tmp_path / "d.zip", BASIS, ATOMS, {})
    for name, other in (
        ("basis", (AuxiliaryBasis({"H": BASIS.shells["H"][:1]}), ATOMS)),
        ("free_atoms", (BASIS, OTHER)),
    ):
        with pytest.raises(DataError, match=rf"0\.h5: fitted with another {name}; run the fit rule again"):
            gather({1: paths[:1]}, tmp_path / "d.zip", *other, {})
    with pytest.raises(DataError, match=r"0\.h5: fitted with another level"):
        gather({1: paths[:1]}, tmp_path / "d.zip", BASIS, ATOMS, {"study": {"reference": {"xc": "BLYP"}}})


def write_failures(path, *steps):
    path.write_text(json.dumps([{"frame": f"aimd/replica 0/step {k}", "error": "SCF not converged"} for k in steps]))
    return path


def test_failed_frames_count_over_all_files_of_a_length(tmp_path):
    chunks = {1: [write_chunk(tmp_path / "0.h5", [0]), write_chunk(tmp_path / "1.h5", [0] * 8)]}
    failed = {1: [write_failures(tmp_path / "0.json", 40), write_failures(tmp_path / "1.json")]}
    arguments = chunks, tmp_path / "d.zip", BASIS, ATOMS, {}
    gather(*arguments, failed=failed, labels=Labels(max_failed_fraction=0.1))
    with pytest.raises(CalculationError, match=r"length 1: 1 of 10 frames failed \(aimd/replica 0/step 40\)") as caught:
        gather(*arguments, failed=failed, labels=Labels(max_failed_fraction=0.09))
    assert "SCF not converged. Raise reference.max_cycle, or labels.max_failed_fraction" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("floor_error", 0.6, r"labels.max_floor = 0.5 % .*lower basis.threshold.*: aimd/replica 0/step 4 \(0.6\)"),
        ("condition", 2e7, r"labels.max_condition = 1e\+07 .*aimd/replica 0/step 4 \(2e\+07\)"),
        ("charge_error", -1e-7, r"charges off by more than 1e-08 electrons .*aimd/replica 0/step 4"),
        ("dipole_error", 1e-5, r"dipoles off by more than 1e-06 D .*aimd/replica 0/step 4"),
        ("floor_error", np.nan, r"aimd/replica 0/step 4 \(nan\)"),
    ],
)
def test_poor_fits_are_refused_by_frame(tmp_path, name, value, message):
    path = write_chunk(tmp_path / "0.h5", [0] * 5)
    arguments = {1: [path]}, tmp_path / "d.zip", BASIS, ATOMS, {}
    gather(*arguments, labels=Labels(max_floor=0.5, max_condition=1e7))
    write_chunk(path, [0] * 5, **{name: np.array([0.1, 0.2, 0.3, 0.4, value])})
    with pytest.raises(CalculationError, match=message):
        gather(*arguments, labels=Labels(max_floor=0.5, max_condition=1e7))


def test_lists_of_failures_must_be_readable(tmp_path):
    (tmp_path / "0.json").write_text("[")
    with pytest.raises(DataError, match=r"0\.json: not a list of failed frames"):
        gather(
            {1: [write_chunk(tmp_path / "0.h5", [0])]}, tmp_path / "d.zip", BASIS, ATOMS, {},
            failed={1: [tmp_path / "0.json"]},
        )  # fmt: skip
