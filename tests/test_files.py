"""Files are whole or absent, on the disk before they are seen, and killed writers leave nothing behind."""

import os
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
