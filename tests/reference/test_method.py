"""The mean field: PySCF's numbers, reached faster, and never an unconverged one."""

import logging

import numpy as np
import pytest
from ase.build import molecule
from pyscf import dft
from tests.reference.water import LEVEL, SVP, rattled

from densnet.errors import CalculationError, ConfigError, ConvergenceError
from densnet.reference import method
from densnet.reference.coulomb import CachedDF
from densnet.reference.grid import CachedNumInt


def stock(mol, reference, xc):
    mf = dft.RKS(mol, xc=xc).density_fit(auxbasis=reference.coulomb_basis)
    mf.grids.level, mf.conv_tol, mf.chkfile = reference.grid_level, 1e-11, None
    mf.kernel()
    return mf


@pytest.mark.parametrize(
    ("name", "xc"), [("CH3SH", "PBE"), ("CH3OH", "PBE"), ("CH3OH", "LDA,VWN"), ("H2O", "PBE0"), ("H2O", "SCAN")]
)
def test_equals_stock_pyscf(name, xc):
    reference = SVP.model_copy(update={"xc": xc, "conv_tol": 1e-11})
    mol = method.molecule(rattled(name), reference)
    ours, theirs = method.mean_field(mol, reference), stock(mol, reference, xc)
    method.converge(ours)
    assert abs(method.energy(ours, reference) - theirs.e_tot) < 1e-8
    np.testing.assert_allclose(method.gradient(ours, reference), theirs.nuc_grad_method().kernel(), atol=1e-6)
    np.testing.assert_allclose(method.dipole(ours), theirs.dip_moment(unit="AU", verbose=0), atol=1e-5)


@pytest.mark.parametrize("shortcuts", [[], ["grid"], ["coulomb"]])
def test_every_shortcut_can_be_left_out(shortcuts):
    reference = LEVEL.model_copy(update={"shortcuts": shortcuts, "conv_tol": 1e-11})
    ours, theirs = (
        method.mean_field(rattled("CH3OH"), reference),
        stock(method.molecule(rattled("CH3OH"), reference), reference, "PBE"),
    )
    method.converge(ours)
    assert isinstance(ours._numint, CachedNumInt) == ("grid" in shortcuts)
    assert isinstance(ours.with_df, CachedDF) == ("coulomb" in shortcuts)
    assert abs(ours.e_tot - theirs.e_tot) < 1e-8
    np.testing.assert_allclose(method.gradient(ours, reference), theirs.nuc_grad_method().kernel(), atol=1e-6)


def test_a_coarse_start_changes_cycles_and_nothing_else():
    fine = LEVEL.model_copy(update={"grid_level": 2, "conv_tol": 1e-11})
    warm, cold = method.mean_field(rattled(), fine), method.mean_field(rattled(), fine)
    assert method.converge(warm, method.coarse_start(warm, fine)) == "given density"
    method.converge(cold)
    assert warm.cycles < cold.cycles
    assert abs(warm.e_tot - cold.e_tot) < 1e-9
    for level in (LEVEL, fine.model_copy(update={"shortcuts": []})):
        assert method.coarse_start(warm, level) is None


@pytest.mark.parametrize(("shift", "passes"), [(0.0, True), (1e-7, False)])
def test_a_gpu_that_differs_from_the_cpu_is_refused(monkeypatch, shift, passes):
    """A stand-in for the GPU: the CPU, with its energy off by ``shift``."""
    energy, mean_field = method.energy, method.mean_field
    monkeypatch.setattr(method, "on_gpu", lambda device: device == "gpu")
    monkeypatch.setattr(method, "mean_field", lambda atoms, level: mean_field(atoms, LEVEL))
    monkeypatch.setattr(method, "energy", lambda mf, level: energy(mf, level) + shift * (level.device == "gpu"))
    gpu = LEVEL.model_copy(update={"device": "gpu"})
    if passes:
        method.check_device(rattled(), gpu)
    else:
        with pytest.raises(
            CalculationError, match=r"differs from the CPU by 1\.0e-07 Hartree .* reference.device: cpu"
        ):
            method.check_device(rattled(), gpu)


def test_what_does_not_fit_into_memory_is_computed_again():
    found = []
    for megabytes in (4000.0, 0.01):
        mol = method.molecule(rattled(), LEVEL)
        mol.max_memory = megabytes
        mf = method.mean_field(mol, LEVEL)
        method.converge(mf)
        assert bool(mf._numint._cache[1]) == mf.with_df.stores() == (megabytes > 1)
        found.append((mf.e_tot, method.gradient(mf, LEVEL)))
    assert abs(found[0][0] - found[1][0]) < 1e-8
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-6)


def test_gradient_is_the_slope_of_the_energy_with_dispersion():
    # A fixed grid does not move with the atoms, so only an accurate grid makes energy and gradient agree closely.
    reference = LEVEL.model_copy(update={"dispersion": "d4", "grid_level": 5, "conv_tol": 1e-11})
    atoms, step = rattled(), 1e-3

    def energy(shift):
        moved = atoms.copy()
        moved.positions[1, 2] += shift
        mf = method.mean_field(moved, reference)
        method.converge(mf)
        return method.energy(mf, reference), mf

    slope = (energy(step)[0] - energy(-step)[0]) / (2 * step) * 0.529177210903
    plain = LEVEL.model_copy(update={"grid_level": 5, "conv_tol": 1e-11})
    value, mf = energy(0.0)
    assert abs(method.gradient(mf, reference)[1, 2] - slope) < 2e-5
    assert value < method.energy(mf, plain)


def test_unconverged_raises(caplog):
    mf = method.mean_field(rattled("CH3OH"), LEVEL.model_copy(update={"max_cycle": 1, "conv_tol": 1e-13}))
    with pytest.raises(ConvergenceError, match="max_cycle = 1"), caplog.at_level(logging.INFO):
        method.converge(mf)
    assert [r.args[0] for r in caplog.records if "not converged from" in r.message] == [
        "fresh guess", "level shift", "second order",
    ]  # fmt: skip


def test_ladder_climbs_from_a_useless_guess():
    atoms = rattled("CH3OH")
    good = method.mean_field(atoms, LEVEL)
    assert method.converge(good) == "fresh guess"
    poor = method.mean_field(atoms, LEVEL)
    rung = method.converge(poor, np.full((poor.mol.nao, poor.mol.nao), np.nan))
    assert rung != "given density"
    assert abs(poor.e_tot - good.e_tot) < 1e-7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"basis": "def2-SPV"}, r"reference.basis: no basis 'def2-SPV' for H.*def2svp"),
        ({"coulomb_basis": "def2-jfti"}, "reference.coulomb_basis"),
        ({"xc": "PBEE"}, "reference.xc: no functional 'PBEE'.*PBE"),
        ({"xc": "PBE-D4"}, "reference.xc: 'PBE-D4' names a dispersion correction; say 'pbe'"),
        ({"xc": "wB97X-D3"}, "reference.xc: no functional 'wB97X-D3'"),
        ({"xc": "LDA,VWN", "dispersion": "d4"}, "D4 has no parameters"),
    ],
)
def test_impossible_levels_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        method.molecule(molecule("H2O"), LEVEL.model_copy(update=change))


def test_open_shells_are_refused():
    with pytest.raises(CalculationError, match="odd number of electrons"):
        method.molecule(molecule("CH3"), LEVEL)


def test_missing_gpu_is_said():
    with pytest.raises(CalculationError, match=r"reference\.device"):
        method.on_gpu("gpu")
