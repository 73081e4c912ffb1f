"""Files are whole or absent, on the disk before they are seen, and killed writers leave nothing behind."""

import os
import re
import subprocess
import sys

import pytest

from densnet.files import atomic


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_failed_writer_leaves_the_old_file(tmp_path):
    target = tmp_path / "new" / "a.json"
    with atomic(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), atomic(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    done = []

    def fsync(descriptor):
        done.append(("flush", os.readlink(f"/proc/self/fd/{descriptor}")))

    def replace(source, target):
        done.append(("move", str(source)))
        move(source, target)

    move = os.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("text")
    assert done == [("flush", str(temporary)), ("move", str(temporary)), ("flush", str(tmp_path))]


def test_what_killed_writers_left_of_the_same_file_is_removed(tmp_path, dead):
    stale = tmp_path / f".{dead}.a.json"
    kept = [
        tmp_path / f".{dead}.b.json",  # of another file
        tmp_path / f".{os.getppid()}.a.json",  # of a process that is alive
        tmp_path / f".{dead}x.a.json",
    ]
    for path in (stale, *kept):
        path.write_text("half")
    (tmp_path / f".0{dead}.a.json").mkdir()
    with atomic(tmp_path / "a.json") as temporary:
        temporary.write_text("whole")
    assert not stale.exists()
    assert all(path.exists() for path in kept)
    assert (tmp_path / f".0{dead}.a.json").is_dir()


WRITERS = {
    "npz": "np.savez(open(t, 'wb'), a=a)",
    "hdf5": "h5py.File(t, 'w').create_dataset('a', data=a)",
    "zarr": "zarr.create_group(zarr.storage.ZipStore(t, mode='w')).create_array('a', data=a)",
    "trajectory": "ase.io.write(t, [ase.Atoms('H1000', a[:1000])] * 10, format='traj')",
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_said_and_nothing_half_written_stays(tmp_path, writer):
    """A limit on the size of files, set for a process, is a disk that fills up."""
    (tmp_path / "out").write_text("old")
    program = f"""
import resource, sys, ase, ase.io, h5py, zarr, numpy as np
from pathlib import Path
from densnet.errors import StorageError
from densnet.files import atomic
a = np.random.default_rng(0).normal(size=(100_000, 3))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with atomic(Path(sys.argv[1])) as t:
        {writer}
except StorageError as error:
    sys.exit(str(error))
"""
    target = str(tmp_path / "out")
    found = subprocess.run([sys.executable, "-c", program, target], capture_output=True, text=True, timeout=120)
    assert found.returncode == 1, found.stderr
    assert re.search(r"/out: (file too large|no space left on device); make room there", found.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text() == "old"
