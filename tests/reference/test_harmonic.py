"""Harmonic spectra from DFT: PySCF's analytic Hessian, and mode tracking that finds the same modes."""

import numpy as np
import pytest
from ase.units import Bohr, Hartree
from pyscf import dft
from tests.reference.water import LEVEL, rattled

from densnet.config import Harmonic
from densnet.errors import CalculationError
from densnet.reference import harmonic, method
from densnet.spectra import harmonic as spectra

TIGHT = LEVEL.model_copy(update={"grid_level": 2, "conv_tol": 1e-10})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("harmonic")


@pytest.fixture(scope="module")
def relaxed():
    return harmonic.relax(rattled(amount=0.05), TIGHT)


@pytest.fixture(scope="module")
def full(relaxed, folder):
    return harmonic.hessian(relaxed, TIGHT, 0.005, folder)


def test_minimum_is_one(relaxed):
    assert np.linalg.norm(relaxed.get_forces(), axis=1).max() < harmonic.CONVERGED


def test_hessian_is_pyscfs(relaxed, full):
    mol = method.molecule(relaxed, TIGHT)
    mf = dft.RKS(mol, xc="PBE").density_fit(auxbasis=TIGHT.coulomb_basis)
    mf.grids.level, mf.conv_tol, mf.chkfile = TIGHT.grid_level, 1e-11, None
    mf.kernel()
    analytic = mf.Hessian().kernel().transpose(0, 2, 1, 3).reshape(9, 9) * Hartree / Bohr**2
    masses = relaxed.get_masses()
    modes = [spectra.normal_modes(h, full[1], relaxed.positions, masses) for h in (full[0], analytic)]
    np.testing.assert_allclose(modes[0].frequencies, modes[1].frequencies, atol=5)
    assert len(modes[0].frequencies) == 3


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

    monkeypatch.setattr(harmonic, "_displaced", fail)
    again = harmonic.hessian(relaxed, TIGHT, 0.005, folder)
    assert (again[0] == full[0]).all()
    with pytest.raises(AssertionError, match="computed again"):
        harmonic.hessian(relaxed, TIGHT, 0.006, folder)


def test_spectra_of_a_model_and_of_dft(tmp_path):
    """A model whose modes are those of DFT is tracked to the spectrum of the whole Hessian."""
    minimum = harmonic.relax(rattled(), LEVEL)
    whole = harmonic.full_spectrum(minimum, LEVEL, 0.005, tmp_path / "full", length=1)
    spectra.write(tmp_path / "model.json", whole)
    modes = spectra.modes_of(spectra.read(tmp_path / "model.json"))
    tracked = harmonic.tracked_spectrum(
        minimum, lambda atoms: modes, LEVEL, Harmonic(captured=1.0), tmp_path / "tracked", length=1
    )
    np.testing.assert_allclose(tracked["frequencies"], whole["frequencies"], atol=5)
    np.testing.assert_allclose(tracked["intensities"], whole["intensities"], rtol=0.05, atol=0.2)
    assert tracked["captured"] == pytest.approx(1)
    assert whole["length"] == tracked["length"] == 1
    assert whole["residual_force"] < harmonic.CONVERGED


def test_no_minimum_is_said(monkeypatch):
    monkeypatch.setattr(harmonic, "STEPS", 1)
    with pytest.raises(CalculationError, match="no DFT minimum after 1 steps"):
        harmonic.relax(rattled(amount=0.2), LEVEL)
