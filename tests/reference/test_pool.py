"""Calculations in several processes: in order, one thread each, and ended with their job, however that ends."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densnet.errors import CalculationError, DataError
from densnet.reference.pool import THREADS, computed

ROOT = Path(__file__).parents[2]


def where(item):
    return item, os.getpid(), [os.environ[name] for name in THREADS]


def refuse(item):
    raise DataError(f"{item} is wrong")


def kill(item):
    os.kill(os.getpid(), signal.SIGKILL)


def warn(item):
    logging.getLogger("densnet.there").warning("about %s", item)


def hold(folder):
    (folder / f"{os.getpid()}.pid").touch()
    time.sleep(600)


def test_results_come_in_order_from_processes_of_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    items, pids, threads = zip(*computed(where, list("abcd"), 2), strict=True)
    assert items == tuple("abcd")
    assert os.getpid() not in pids
    assert set(map(tuple, threads)) == {("1", "1", "1")}
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_one_process_is_this_one(monkeypatch):
    for name in THREADS:
        monkeypatch.setenv(name, "3")
    assert [pid for _, pid, _ in computed(where, ["a", "b"], 1)] == [os.getpid()] * 2
    assert [pid for _, pid, _ in computed(where, ["a"], 2)] == [os.getpid()]
    assert list(computed(where, [], 2)) == []


def test_an_error_comes_out_as_it_is():
    with pytest.raises(DataError, match="a is wrong"):
        list(computed(refuse, ["a", "b"], 2))


def test_a_killed_process_is_said():
    with pytest.raises(CalculationError, match=r"was killed.*harmonic\.processes"):
        list(computed(kill, ["a", "b"], 2))


def test_what_processes_say_is_in_the_log_of_the_job(tmp_path, monkeypatch):
    handler = logging.FileHandler(tmp_path / "job.log")
    monkeypatch.setattr(logging.root, "handlers", [handler])
    list(computed(warn, ["a", "b"], 2))
    handler.close()
    text = (tmp_path / "job.log").read_text()
    assert "WARNING densnet.there: about a" in text
    assert "about b" in text


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_their_job(tmp_path, how):
    code = (
        "from pathlib import Path\nfrom densnet.reference.pool import computed\nfrom tests.reference.test_pool import "
        f"hold\nif __name__ == '__main__':\n    list(computed(hold, [Path({str(tmp_path)!r})] * 5, 2))\n"
    )
    (tmp_path / "job.py").write_text(code)
    job = subprocess.Popen(
        [sys.executable, tmp_path / "job.py"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    if how == signal.SIGINT:
        os.killpg(job.pid, how)  # as a terminal does
    else:
        job.send_signal(how)
    job.wait(20)
    _until(lambda: not any(map(_runs, pids)))
    assert len(list(tmp_path.glob("*.pid"))) == 2  # nothing new was begun


def _until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def _runs(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
