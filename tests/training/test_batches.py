"""Frames of a step: all of them once in an epoch, no more electrons than the cap, whatever was asked before."""

import math
from itertools import accumulate, pairwise

import pytest
import torch
from tests import toys
from tests.training import labelled

from densnet.config import Training
from densnet.training.batches import Batches, electrons

SIZES = (18, 10, 10, 18, 34, 10, 26, 18, 10, 90)
"""Of chains; the last one is more than a step may hold."""


def made(batch=4, cap=None, seed=5, sizes=SIZES, balance=None):
    return Batches(sizes, Training(batch=batch, max_electrons=cap, balance=balance), seed)


def test_every_frame_once_in_an_epoch():
    batches, others = made(), made(seed=6)
    drawn = [batches.of(step) for step in range(6)]
    assert [len(part) for part in drawn] == [4, 4, 2, 4, 4, 2]
    first, second = [*drawn[0], *drawn[1], *drawn[2]], [*drawn[3], *drawn[4], *drawn[5]]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert drawn != [others.of(step) for step in range(6)]


def test_without_a_cap_steps_are_what_they_were_before_there_was_one():
    """Checkpoints of older trainings continue with the frames that they would have had."""

    def drawn(step, batch, size, seed):
        epoch, part = divmod(step, math.ceil(size / batch))
        order = torch.randperm(size, generator=torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63))
        return order[part * batch : (part + 1) * batch].tolist()

    for batch in (1, 3, 5, 10, 12):
        batches = made(batch, seed=2**40)
        assert [batches.of(step) for step in range(40)] == [drawn(step, batch, 10, 2**40) for step in range(40)]


def test_a_cap_ends_a_step_and_only_a_frame_of_its_own_goes_over_it():
    batches, whole = made(cap=60), made(batch=10)
    steps = [batches.of(step) for step in range(60)]
    ends = list(accumulate(map(len, steps)))
    epochs = [whole.of(epoch) for epoch in range(3)]
    assert [frame for step in steps for frame in step][:30] == [frame for epoch in epochs for frame in epoch]
    assert {10, 20, 30} <= {*ends}  # no step is of two epochs
    for (step, following), end in zip(pairwise(steps), ends, strict=False):
        held = sum(SIZES[frame] for frame in step)
        assert held <= 60 or len(step) == 1
        full = len(step) == 4 or held + SIZES[following[0]] > 60
        assert full or end % 10 == 0
    assert len({len(step) for step in steps}) > 2


def test_a_step_is_what_it_is_whatever_was_asked_before():
    forwards, back = made(cap=60), made(cap=60)
    steps = [forwards.of(step) for step in range(50)]
    assert [back.of(step) for step in reversed(range(50))] == steps[::-1]
    assert made(cap=60).of(33) == steps[33]


@pytest.mark.parametrize(("name", "count"), [("H2O", 10), ("CH4", 10), ("C2H6", 18)])
def test_electrons(name, count):
    symbols, positions = labelled.frames(name, 2, seed=1)
    model = toys.model()
    assert electrons([model.graph([(symbols, one)]) for one in positions], model.elements) == [count, count]


def test_balance_draws_frames_of_rare_molecules_more_often():
    sizes = [10] * 64 + [20] * 16 + [40] * 4
    shares = {}
    for balance in (None, 0.5, 1.0):
        batches = made(batch=7, sizes=sizes, balance=balance)
        drawn = [sizes[frame] for step in range(1200) for frame in batches.of(step)]
        assert len(drawn) == 100 * len(sizes)
        shares[balance] = [drawn.count(size) / len(drawn) for size in (10, 20, 40)]
    assert shares[None] == [64 / 84, 16 / 84, 4 / 84]
    assert shares[0.5] == pytest.approx([8 / 14, 4 / 14, 2 / 14], abs=0.02)
    assert shares[1.0] == pytest.approx([1 / 3] * 3, abs=0.02)
    assert made(balance=1.0, sizes=[10] * 5).of(3) == made(sizes=[10] * 5).of(3)
