"""Labelled frames as extended XYZ, read back by ASE."""

import ase.io
import numpy as np
import pytest
from tests.training import labelled

from densnet.cli import main
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.export import write_extxyz


def test_ase_reads_the_labels_back(tmp_path):
    path = labelled.dataset(tmp_path)
    assert main(["-q", "export", str(path), "-o", str(tmp_path / "all.extxyz")]) == 0
    frames, dataset = ase.io.read(tmp_path / "all.extxyz", ":"), Dataset.open(path)
    assert [frame.info["split"] for frame in frames] == ["train"] * 12 + ["validation"] * 4
    first = dataset[2].select("train")
    assert frames[6].info["length"] == 2
    assert frames[6].info["frame"] == first.names[0]
    assert frames[6].get_potential_energy() == pytest.approx(first.energy[0], abs=1e-6)
    np.testing.assert_allclose(frames[6].get_forces(), first.forces[0], atol=1e-6)
    np.testing.assert_allclose(frames[6].get_dipole_moment(), first.dipole[0], atol=1e-6)
    np.testing.assert_allclose(frames[6].positions, first.positions[0], atol=1e-6)


def test_one_split_alone(tmp_path):
    dataset = Dataset.open(labelled.dataset(tmp_path))
    assert write_extxyz(dataset, tmp_path / "one.extxyz", "validation") == 4
    with pytest.raises(DataError, match="no frames in split test; this dataset has train, validation"):
        write_extxyz(dataset, tmp_path / "none.extxyz", "test")


def test_polar_tensors_go_along_where_there_are_any(tmp_path):
    path = labelled.dataset(tmp_path, polar=True)
    write_extxyz(Dataset.open(path), tmp_path / "all.extxyz")
    frames, wanted = ase.io.read(tmp_path / "all.extxyz", ":"), Dataset.open(path)[2].select("train").polar_tensor
    np.testing.assert_allclose(frames[6].arrays["polar_tensor"].reshape(-1, 3, 3), wanted[0], atol=1e-6)
    write_extxyz(Dataset.open(labelled.dataset(tmp_path / "none")), tmp_path / "none.extxyz")
    assert "polar_tensor" not in (tmp_path / "none.extxyz").read_text()
