"""A run that is killed with SIGKILL, unlocked and started again ends on the numbers of a run that was not."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from densnet.dynamics import h5md

pytestmark = pytest.mark.slow

STAGES = {
    "sampling": "sample/aimd/2/*.part*",
    "labelling": "labels/*/*.part*",
    "training": "energy/*.checkpoint",
}


def kill_during(house, stage):
    """Run until a checkpoint of the stage lies there, then kill the run and every job of it."""
    process = subprocess.Popen(
        house.command("--config", "study=tiny"),
        cwd=house.root,
        env=house.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    results, end = house.root / "results" / "tiny", time.monotonic() + 300
    try:
        while not list(results.glob(STAGES[stage])):
            assert process.poll() is None, f"ended before {stage} was under way"
            assert time.monotonic() < end, f"{stage} never started"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def numbers(house):
    """Return the final numbers of the study."""
    results = house.root / "results" / "tiny"
    found = {"errors": (results / "report" / "errors.md").read_text()}
    for path in sorted(results.glob("md/*/*.h5")):
        trajectory = h5md.read(path)
        found[str(path.relative_to(results))] = np.concatenate([trajectory.position[-1].ravel(), trajectory.dipole[-1]])
    for path in sorted(results.glob("harmonic/*.json")):
        found[path.name] = json.loads(path.read_text())["frequencies"]
    return found


def test_three_kills(house, finished):
    for stage in STAGES:
        kill_during(house, stage)
        locked = house.run()
        assert locked.returncode != 0
        assert "--unlock" in locked.stdout
        assert house.run("--unlock").returncode == 0
    result = house.run()
    assert result.returncode == 0, result.stdout
    ours, theirs = numbers(house), numbers(finished)
    assert ours.keys() == theirs.keys()
    assert ours["errors"] == theirs["errors"]
    for name in ours.keys() - {"errors"}:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
