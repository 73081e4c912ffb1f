"""The mean field: PySCF's numbers, reached faster."""

import numpy as np
import pytest
from ase.build import molecule
from pyscf import dft
from tests.reference.water import LEVEL, SVP, rattled

from densnet.errors import CalculationError
from densnet.reference import method
from densnet.reference.convergence import converge
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
    converge(ours)
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
    converge(ours)
    assert isinstance(ours._numint, CachedNumInt) == ("grid" in shortcuts)
    assert isinstance(ours.with_df, CachedDF) == ("coulomb" in shortcuts)
    assert abs(ours.e_tot - theirs.e_tot) < 1e-8
    np.testing.assert_allclose(method.gradient(ours, reference), theirs.nuc_grad_method().kernel(), atol=1e-6)


def test_what_does_not_fit_into_memory_is_computed_again():
    found = []
    for megabytes in (4000.0, 0.01):
        mol = method.molecule(rattled(), LEVEL)
        mol.max_memory = megabytes
        mf = method.mean_field(mol, LEVEL)
        converge(mf)
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
        converge(mf)
        return method.energy(mf, reference), mf

    slope = (energy(step)[0] - energy(-step)[0]) / (2 * step) * 0.529177210903
    plain = LEVEL.model_copy(update={"grid_level": 5, "conv_tol": 1e-11})
    value, mf = energy(0.0)
    assert abs(method.gradient(mf, reference)[1, 2] - slope) < 2e-5
    assert value < method.energy(mf, plain)


def test_open_shells_are_refused():
    with pytest.raises(CalculationError, match="odd number of electrons"):
        method.molecule(molecule("CH3"), LEVEL)
