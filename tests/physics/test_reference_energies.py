"""Total energies at minima against published ones: the level of theory is the one it is called."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from pyscf import dft

from densnet.config import Reference
from densnet.reference import method
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.convergence import converge

pytestmark = pytest.mark.slow

LEVEL = Reference(basis="aug-cc-pVDZ", coulomb_basis="aug-cc-pVTZ-jkfit", grid_level=1, conv_tol=1e-6, device="cpu")
ENERGIES = {"ethanol": -154.864388, "ethanethiol": -477.733093, "thiophene": -552.658474}
"""Hartree, PBE/aug-cc-pVDZ at its minimum (NIST Computational Chemistry Comparison and Benchmark Database)."""
MINIMA = ase.io.read(Path(__file__).parents[1] / "data" / "minima.xyz", ":")
"""Optimised with `LEVEL` to 0.01 eV/Angstrom; the place of a minimum needs no fine grid, its energy does."""


@pytest.mark.parametrize("atoms", MINIMA, ids=lambda atoms: atoms.info["name"])
def test_energy_at_the_minimum(atoms):
    atoms.calc = ReferenceCalculator(LEVEL)
    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.03
    fine = LEVEL.model_copy(update={"grid_level": 3, "conv_tol": 1e-9})
    fitted, exact = method.mean_field(atoms, fine), dft.RKS(method.molecule(atoms, fine), xc="PBE")
    exact.grids.level, exact.conv_tol, exact.chkfile = fine.grid_level, fine.conv_tol, None
    converge(fitted)
    exact.kernel(dm0=method.density_matrix(fitted))
    assert exact.e_tot == pytest.approx(ENERGIES[atoms.info["name"]], abs=1e-4)
    assert fitted.e_tot == pytest.approx(exact.e_tot, abs=1e-4)  # what fitting the Coulomb potential costs
