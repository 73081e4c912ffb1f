"""Harmonic spectra from DFT: PySCF's analytic Hessian, and mode tracking that finds the same modes."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import Bohr, Hartree
from tests.reference.water import LEVEL, rattled

from densnet.config import Harmonic
from densnet.errors import CalculationError
from densnet.reference import displacements, harmonic, hessian, method, minimum
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.hessian import analytic_hessian
from densnet.reference.level import dispersion
from densnet.spectra import harmonic as spectra
from densnet.symmetry import operations

FINE = Harmonic(displacement=0.005)
TIGHT = LEVEL.model_copy(update={"grid_level": 2, "conv_tol": 1e-10})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("harmonic")


@pytest.fixture(scope="module")
def relaxed(tmp_path_factory):
    return minimum.relax(rattled(amount=0.05), TIGHT, tmp_path_factory.mktemp("minimum"))


@pytest.fixture(scope="module")
def full(relaxed, folder):
    return harmonic.hessian(relaxed, TIGHT, 0.005, folder)


def test_minimum_is_one(relaxed):
    assert np.linalg.norm(relaxed.get_forces(), axis=1).max() < minimum.CONVERGED


def test_differences_give_the_analytic_wavenumbers_and_intensities(relaxed, full):
    analytic = analytic_hessian(relaxed, TIGHT)
    ours, exact = (spectra.normal_modes(*of, relaxed.positions, relaxed.get_masses()) for of in (full, analytic))
    np.testing.assert_allclose(ours.frequencies, exact.frequencies, atol=1)
    np.testing.assert_allclose(ours.intensities, exact.intensities, rtol=0.01, atol=0.1)
    np.testing.assert_allclose(full[1], analytic[1], atol=2e-3)
    assert len(ours.frequencies) == 3


def test_spectrum_from_the_analytic_hessian(relaxed, tmp_path):
    found = [
        harmonic.full_spectrum(relaxed, LEVEL, Harmonic(hessian=kind), tmp_path) for kind in ("differences", "analytic")
    ]
    np.testing.assert_allclose(found[0]["frequencies"], found[1]["frequencies"], rtol=0.05)
    assert found[0]["frequencies"] != found[1]["frequencies"]


def test_dispersion_is_in_the_analytic_hessian(relaxed):
    """Differences of the gradient with dispersion, less those without, against what the analytic one gains."""
    with_d4 = TIGHT.model_copy(update={"dispersion": "d4"})
    gained = analytic_hessian(relaxed, with_d4)[0] - analytic_hessian(relaxed, TIGHT)[0]
    mol, step = method.molecule(relaxed, TIGHT), np.zeros((3, 3))
    step[1, 2] = 0.01 / Bohr
    moved = [mol.set_geom_(mol.atom_coords() + sign * step, unit="Bohr", inplace=False) for sign in (1, -1)]
    slopes = [dispersion(one, "PBE")[1].ravel() for one in moved]
    np.testing.assert_allclose(gained[5], (slopes[0] - slopes[1]) / 0.02 * Hartree / Bohr, atol=1e-4)
    assert np.abs(gained).max() > 1e-3


def test_analytic_hessian_stays_on_the_cpu_where_there_is_a_gpu(relaxed, monkeypatch, caplog):
    """It says so, and asks for no mean field on the GPU, which is missing here: that would be refused."""
    monkeypatch.setattr(hessian, "on_gpu", lambda device: True)
    found = analytic_hessian(relaxed, LEVEL.model_copy(update={"device": "gpu"}))
    assert "on the CPU" in caplog.text
    np.testing.assert_allclose(found[0], analytic_hessian(relaxed, LEVEL)[0], atol=1e-4)


def test_dipole_derivatives_obey_the_sum_rule(full):
    """The derivatives of a neutral molecule's dipole along a shift of all atoms vanish."""
    assert np.abs(full[1].reshape(3, 3, 3).sum(axis=0)).max() < 5e-3
    assert np.abs(full[1]).max() > 0.1


def test_tracking_in_the_full_space_is_the_full_hessian(relaxed, full, folder):
    masses = relaxed.get_masses()
    expected = spectra.normal_modes(*full, relaxed.positions, masses)
    mixed = np.random.default_rng(0).normal(size=(3, 3))
    start = np.einsum("kq,qai->kai", mixed, expected.vectors)  # any basis of the space will do
    found, residuals = harmonic.track(relaxed, start, TIGHT, 0.005, folder)
    np.testing.assert_allclose(found.frequencies, expected.frequencies, atol=3)
    np.testing.assert_allclose(found.intensities, expected.intensities, rtol=0.02, atol=0.1)
    assert residuals.max() < 10


def test_residuals_tell_a_space_that_misses_something(relaxed, full, folder):
    masses = relaxed.get_masses()
    modes = spectra.normal_modes(*full, relaxed.positions, masses).vectors
    mixed = (modes[:1] + modes[2:]) / np.sqrt(2)
    _, residuals = harmonic.track(relaxed, mixed, TIGHT, 0.005, folder)
    assert residuals[0] > 300


def test_finished_displacements_are_not_repeated(relaxed, full, folder, monkeypatch):
    def fail(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(displacements, "_displaced", fail)
    again = harmonic.hessian(relaxed, TIGHT, 0.005, folder)
    assert (again[0] == full[0]).all()
    with pytest.raises(AssertionError, match="computed again"):
        harmonic.hessian(relaxed, TIGHT, 0.006, folder)


def test_displacements_in_several_processes_are_the_same(relaxed, full, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(displacements, "_displaced", lambda *_: pytest.fail("not in a process of its own"))
    for direction in np.eye(9).reshape(-1, 3, 3)[::4]:  # what a killed job has left
        key = displacements.result_key(relaxed.positions, direction, TIGHT, 0.005)
        shutil.copy(folder / f"{key[:16]}.npz", tmp_path)
    slopes, dipoles = harmonic.hessian(relaxed, TIGHT, 0.005, tmp_path, processes=2)
    np.testing.assert_allclose(slopes, full[0], atol=1e-6)
    np.testing.assert_allclose(dipoles, full[1], atol=1e-6)
    assert len(list(tmp_path.iterdir())) == 9


def test_a_failure_in_a_process_is_the_error_of_all(relaxed, tmp_path):
    hopeless = TIGHT.model_copy(update={"max_cycle": 1, "conv_tol": 1e-13})
    with pytest.raises(CalculationError, match="converge"):
        harmonic.hessian(relaxed, hopeless, 0.005, tmp_path, processes=2)


def test_spectra_of_a_model_and_of_dft(tmp_path):
    """A model whose modes are those of DFT is tracked to the spectrum of the whole Hessian."""
    lowest = minimum.relax(rattled(), LEVEL, tmp_path)
    whole = harmonic.full_spectrum(lowest, LEVEL, FINE, tmp_path / "full", length=1)
    spectra.write(tmp_path / "model.json", whole)
    modes = spectra.modes_of(spectra.read(tmp_path / "model.json"))
    tracked = harmonic.tracked_spectrum(
        lowest, lambda atoms: modes, LEVEL, Harmonic(captured=1.0), tmp_path / "tracked", length=1
    )
    np.testing.assert_allclose(tracked["frequencies"], whole["frequencies"], atol=5)
    np.testing.assert_allclose(tracked["intensities"], whole["intensities"], rtol=0.05, atol=0.2)
    assert tracked["captured"] == pytest.approx(1)
    assert whole["length"] == tracked["length"] == 1
    assert whole["residual_force"] < minimum.CONVERGED


def test_a_saddle_point_is_left(tmp_path):
    """Linear water stays linear when it is relaxed from a Hessian that knows no way down."""
    flat = molecule("H2O")
    flat.positions = [[0.0, 0.0, 0.0], [0.95, 0.0, 0.0], [-0.95, 0.0, 0.0]]
    saddle = minimum.relax(flat, LEVEL, tmp_path, np.eye(9) * 10)
    assert saddle.get_angle(1, 0, 2) > 179
    found = harmonic.full_spectrum(saddle, LEVEL, Harmonic(), tmp_path)
    assert min(found["frequencies"]) > spectra.SADDLE
    assert 90 < Atoms("OHH", found["positions"]).get_angle(1, 0, 2) < 120


def test_a_killed_relaxation_repeats_no_step(tmp_path, monkeypatch):
    computed = []
    calculate = ReferenceCalculator.calculate

    def once(self, *arguments, **options):
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(arguments)
        calculate(self, *arguments, **options)

    monkeypatch.setattr(ReferenceCalculator, "calculate", once)
    with pytest.raises(KeyboardInterrupt):
        minimum.relax(rattled(), LEVEL, tmp_path)
    monkeypatch.undo()
    resumed = minimum.relax(rattled(), LEVEL, tmp_path)
    monkeypatch.setattr(ReferenceCalculator, "calculate", lambda *arguments, **options: pytest.fail("computed again"))
    finished = minimum.relax(rattled(), LEVEL, tmp_path)
    monkeypatch.undo()
    assert (finished.positions == resumed.positions).all()
    assert finished.get_potential_energy() == resumed.get_potential_energy()
    whole = minimum.relax(rattled(), LEVEL, tmp_path / "whole")
    np.testing.assert_allclose(resumed.positions, whole.positions, atol=1e-5)
    assert len(list(tmp_path.glob("step_*"))) == len(list((tmp_path / "whole").glob("step_*"))) > 2


def test_a_good_hessian_saves_steps(relaxed, full, tmp_path):
    start = relaxed.copy()
    start.rattle(0.02, seed=3)
    for name, curvature in (("xtb", None), ("own", full[0])):
        minimum.relax(start, TIGHT, tmp_path / name, curvature, fmax=2e-3)
    steps = {name: len(list((tmp_path / name).iterdir())) for name in ("xtb", "own")}
    assert steps["own"] < steps["xtb"]


def test_no_minimum_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(minimum, "STEPS", 1)
    with pytest.raises(CalculationError, match="no DFT minimum after 1 steps"):
        minimum.relax(rattled(amount=0.2), LEVEL, tmp_path)


def test_symmetry_saves_displacements_and_changes_nothing(tmp_path, monkeypatch):
    water = minimum.relax(molecule("H2O"), TIGHT, tmp_path)
    counts, calculate = [], ReferenceCalculator.calculate

    def counted(self, *arguments):
        counts[-1] += 1
        calculate(self, *arguments)

    monkeypatch.setattr(ReferenceCalculator, "calculate", counted)
    found = []
    for name in ("with", "without"):
        counts.append(0)
        found.append(harmonic.hessian(water, TIGHT, 0.005, tmp_path / name))
        monkeypatch.setattr(displacements, "operations", lambda positions, masses: operations(np.eye(3), [1, 2, 3]))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-3)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-4)
    assert counts == [10, 19]  # the minimum, 4 of oxygen, 5 of a hydrogen: one way where a mirror shows the other


@pytest.mark.parametrize("amount", [0.0, 0.009])
def test_symmetry_that_the_hessian_leads_away_from_is_not_kept(tmp_path, amount):
    """Ammonia at, and a hair from, its planar saddle point."""
    ammonia = molecule("NH3")
    ammonia.positions[0] = ammonia.positions[1:].mean(axis=0)
    ammonia.positions[0, 2] += amount
    found = minimum.relax(ammonia, LEVEL, tmp_path)
    height = found.positions[1:].mean(axis=0) - found.positions[0]
    assert np.linalg.norm(height) > 0.2
