"""The loop itself, on a line to be fitted: schedule, order of frames, resuming, refusals."""

import os
import signal

import pytest
import torch
from torch import nn

from densnet.config import Training
from densnet.errors import ConfigError, DensnetError, ModelError
from densnet.training.processes import count, rank, shared_out, side_by_side
from densnet.training.schedules import PLATEAU, cosine
from densnet.training.stopwatch import Stopwatch
from densnet.training.trainer import train, write_history

SETTINGS = Training(steps=60, batch=4, learning_rate=0.05, ema=0.9, validate_every=10)


class Line:
    """Fit y = 2 x - 1; stops with an error at a given call, as a killed process would."""

    electrons = (1,) * 10

    def __init__(self, dies_at=None, value=0.0):
        self.x = torch.linspace(-1, 1, len(self.electrons))[:, None]
        self.calls, self.dies_at, self.value = 0, dies_at, value

    def loss(self, network, frames, progress):
        self.calls += 1
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        return (network(self.x[frames]) - (2 * self.x[frames] - 1)).square().mean() + self.value

    def validate(self, network):
        with torch.no_grad():
            return {"score": float((network(self.x) - (2 * self.x - 1)).square().mean())}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))


def run(folder, stage, made=None, settings=SETTINGS, fingerprint="a", stopwatch=None):
    made = made or network()
    path, stopwatch = folder / "run.checkpoint", stopwatch or Stopwatch()
    return made, train(made, stage, settings, 3, path, fingerprint, "line", stopwatch)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_it_learns(tmp_path):
    made, rows = run(tmp_path, Line())
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60]
    assert rows[-1]["score"] < 0.02 < Line().validate(network())["score"]
    assert Line().validate(made)["score"] == min(row["score"] for row in rows)  # the best average is what is kept


@pytest.mark.parametrize("dies_at", [5, 11, 37, 60])
def test_an_interrupted_run_ends_on_the_same_bits(tmp_path, dies_at):
    whole, rows = run(tmp_path, Line())
    (tmp_path / "run.checkpoint").unlink()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Line(dies_at))
    stage = Line()
    torch.manual_seed(99)  # whatever else happened in between
    resumed, again = run(tmp_path, stage)
    assert same(whole, resumed) and rows == again
    assert stage.calls == 60 - (dies_at - 1) // 10 * 10


def test_an_interrupted_run_with_steps_of_unequal_size_ends_on_the_same_bits(tmp_path):
    class Chains(Line):
        electrons = (1, 1, 1, 2, 2, 2, 3, 3, 4, 9)

    capped = {"settings": SETTINGS.model_copy(update={"max_electrons": 6})}
    (tmp_path / "whole").mkdir()
    whole, rows = run(tmp_path / "whole", Chains(), **capped)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Chains(37), **capped)
    resumed, again = run(tmp_path, Chains(), **capped)
    assert same(whole, resumed) and rows == again


def test_a_resumed_run_goes_on_counting_seconds(tmp_path):
    def resumed():
        stopwatch = Stopwatch()
        run(tmp_path, Line(), stopwatch=stopwatch)
        return stopwatch.seconds

    path, long_ago = tmp_path / "run.checkpoint", Stopwatch()
    long_ago.started -= 1000
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Line(37), stopwatch=long_ago)
    state = torch.load(path, weights_only=True)
    assert 1000 < resumed() < 1100
    del state["seconds"]  # as before they were kept
    torch.save(state, path)
    assert resumed() < 100


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_not_used(tmp_path):
    whole, _ = run(tmp_path, Line())
    stage = Line()
    other, _ = run(tmp_path, stage, fingerprint="b")
    assert stage.calls == 60 and same(whole, other)
    (tmp_path / "run.checkpoint").write_bytes(b"half of a")
    stage = Line()
    again, _ = run(tmp_path, stage)
    assert stage.calls == 60 and same(whole, again)


def test_early_stop_and_its_resumption(tmp_path):
    settings = SETTINGS.model_copy(update={"patience": 2, "steps": 500})

    class Stuck(Line):
        def validate(self, network):
            return {"score": 1.0}

    _, rows = run(tmp_path, Stuck(), settings=settings)
    assert [row["step"] for row in rows] == [10, 20, 30]
    stage = Stuck()
    _, again = run(tmp_path, stage, settings=settings)
    assert stage.calls == 0 and again == rows


def test_divergence_is_named(tmp_path):
    with pytest.raises(ModelError, match="diverged at step 0: lower"):
        run(tmp_path, Line(value=float("nan")))


def test_cosine():
    rates = [cosine(step, SETTINGS) for step in range(60)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(1)
    assert peak in (5, 6) and rates[0] == pytest.approx(1 / 6)
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.012


@pytest.mark.parametrize("dies_at", [None, 95])
def test_plateau(tmp_path, dies_at):
    settings = SETTINGS.model_copy(update={"schedule": "plateau", "steps": 150, "patience": 100})

    class Stuck(Line):
        def validate(self, network):
            return {"score": 1.0}

    if dies_at:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Stuck(dies_at), settings=settings)
    _, rows = run(tmp_path, Stuck(), settings=settings)
    rates = [row["learning_rate"] for row in rows]
    waits = PLATEAU["patience"] + 2  # the first validation is an improvement
    assert rates[:waits] == pytest.approx([0.05 * (1 + 9 * 14 / 15) / 15] + [0.05] * (waits - 1))
    assert rates[waits] == pytest.approx(0.025)
    assert rates[-1] == pytest.approx(0.0125)


def in_processes(device, folder, value=0.0):
    made, rows = run(folder, Line(value=value), settings=SETTINGS.model_copy(update={"batch": 3}))
    assert shared_out([2, 3, 5], square) == [4, 9, 25]
    assert shared_out([7], square) == [49]
    torch.save((made.state_dict(), rows), folder / f"{rank()}-of-{count()}")


def square(number):
    return number**2


@pytest.mark.slow
def test_several_processes_learn_what_one_learns(tmp_path):
    """Shares of unequal size, and in the last step of an epoch a process without any."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    side_by_side(1, "cpu", in_processes, tmp_path / "one")
    side_by_side(2, "cpu", in_processes, tmp_path / "two")
    (alone, rows), first, second = (
        torch.load(tmp_path / name, weights_only=True) for name in ("one/0-of-1", "two/0-of-2", "two/1-of-2")
    )
    for name, weights in alone.items():
        assert torch.equal(first[0][name], second[0][name])
        torch.testing.assert_close(first[0][name], weights, rtol=1e-4, atol=1e-5)
    assert [row["score"] for row in first[1]] == pytest.approx([row["score"] for row in rows], rel=1e-3)
    with pytest.raises(ModelError, match="diverged at step 0"):  # not the traceback of a process
        side_by_side(2, "cpu", in_processes, tmp_path, float("nan"))


def dies(device):
    if rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_process_is_said():
    with pytest.raises(DensnetError, match=r"one of 2 processes was killed .*SIGKILL.* lower processes"):
        side_by_side(2, "cpu", dies)


def test_more_processes_than_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="processes: 2 asked for, each with a GPU, and 1 found"):
        side_by_side(2, "cuda", in_processes)


def test_history_file(tmp_path):
    write_history(tmp_path / "history.csv", [{"step": 1, "score": 0.5}, {"step": 2, "score": 0.25}])
    assert (tmp_path / "history.csv").read_text().split() == ["step,score", "1,0.5", "2,0.25"]
