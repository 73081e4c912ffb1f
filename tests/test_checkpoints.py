"""Stored arrays come back under their key; everything else is said and ignored."""

import numpy as np
import pytest

from densnet.checkpoints import read_npz, write_npz


@pytest.fixture
def stored(tmp_path):
    write_npz(tmp_path / "a.npz", "key", values=np.arange(1000.0), text="word")
    return tmp_path / "a.npz"


def test_arrays_come_back(stored):
    found = read_npz(stored, "key")
    assert set(found) == {"values", "text"}
    assert (found["values"] == np.arange(1000.0)).all() and str(found["text"]) == "word"


def test_no_file_is_nothing_to_speak_of(tmp_path, caplog):
    assert read_npz(tmp_path / "absent.npz", "key") is None
    assert not caplog.text


def test_another_key_is_said(stored, caplog):
    assert read_npz(stored, "another key") is None
    assert "a.npz: checkpoint of other settings" in caplog.text


@pytest.mark.parametrize("size", [0, 4, 100, 4000, 8400])
def test_half_a_file_is_said(stored, caplog, size):
    stored.write_bytes(stored.read_bytes()[:size])
    assert read_npz(stored, "key") is None
    assert "a.npz: unreadable checkpoint" in caplog.text


@pytest.mark.parametrize("place", [0.0, 0.01, 0.1, 0.5, 0.97])
def test_changed_bytes_are_said(stored, caplog, place):
    content = bytearray(stored.read_bytes())
    start = int(place * len(content))
    content[start : start + 40] = bytes(byte ^ 0xFF for byte in content[start : start + 40])
    stored.write_bytes(content)
    assert read_npz(stored, "key") is None
    assert "a.npz: unreadable checkpoint" in caplog.text


def test_arrays_that_got_lost_are_said(stored, caplog):
    with np.load(stored) as file:
        kept = dict(file)
    del kept["values"]
    np.savez(stored, **kept)
    assert read_npz(stored, "key") is None
    assert "a.npz: checkpoint with arrays missing" in caplog.text


def test_files_that_do_not_name_their_arrays_are_read(tmp_path):
    np.savez(tmp_path / "old.npz", key="key", values=np.ones(3))
    assert (read_npz(tmp_path / "old.npz", "key")["values"] == 1).all()
