"""Self-consistency: the ladder, and what it starts from."""

import logging

import numpy as np
import pytest
from tests.reference.water import LEVEL, rattled

from densnet.errors import ConvergenceError
from densnet.reference import method
from densnet.reference.convergence import coarse_start, converge


def test_a_coarse_start_changes_cycles_and_nothing_else():
    fine = LEVEL.model_copy(update={"grid_level": 2, "conv_tol": 1e-11})
    warm, cold = method.mean_field(rattled(), fine), method.mean_field(rattled(), fine)
    assert converge(warm, coarse_start(warm, fine)) == "given density"
    converge(cold)
    assert warm.cycles < cold.cycles
    assert abs(warm.e_tot - cold.e_tot) < 1e-9
    for level in (LEVEL, fine.model_copy(update={"shortcuts": []})):
        assert coarse_start(warm, level) is None


def test_unconverged_raises(caplog):
    mf = method.mean_field(rattled("CH3OH"), LEVEL.model_copy(update={"max_cycle": 1, "conv_tol": 1e-13}))
    with pytest.raises(ConvergenceError, match="max_cycle = 1"), caplog.at_level(logging.INFO):
        converge(mf)
    assert [r.args[0] for r in caplog.records if "not converged from" in r.message] == [
        "fresh guess", "level shift", "second order",
    ]  # fmt: skip


def test_ladder_climbs_from_a_useless_guess():
    atoms = rattled("CH3OH")
    good = method.mean_field(atoms, LEVEL)
    assert converge(good) == "fresh guess"
    poor = method.mean_field(atoms, LEVEL)
    rung = converge(poor, np.full((poor.mol.nao, poor.mol.nao), np.nan))
    assert rung != "given density"
    assert abs(poor.e_tot - good.e_tot) < 1e-7
