"""Total energies at minima against published ones: the level of theory is the one it is called."""

import pytest
from ase import Atoms
from ase.optimize import BFGS
from pyscf import dft

from densnet.config import Molecule, Reference
from densnet.reference import method
from densnet.reference.calculator import ReferenceCalculator
from densnet.systems import build

pytestmark = pytest.mark.slow

LEVEL = Reference(basis="aug-cc-pVDZ", coulomb_basis="aug-cc-pVTZ-jkfit", grid_level=1, conv_tol=1e-6, device="cpu")
ENERGIES = {"ethanol": -154.864388, "ethanethiol": -477.733093, "thiophene": -552.658474}
"""Hartree, PBE/aug-cc-pVDZ at its minimum (NIST Computational Chemistry Comparison and Benchmark Database)."""


def start(name: str) -> Atoms:
    """Return a geometry whose O-H or S-H bond, if any, points away from the methyl group, as in the database."""
    atoms = build(Molecule(name=name), 1, 0, seed=1)
    if name != "thiophene":
        hydrogens = [k for k, symbol in enumerate(atoms.symbols) if symbol == "H"]
        bonded = min(hydrogens, key=lambda k: atoms.get_distance(k, 2))
        atoms.set_dihedral(0, 1, 2, bonded, 180, indices=[bonded])
    return atoms


@pytest.mark.parametrize(("name", "energy"), ENERGIES.items())
def test_energy_at_the_minimum(name, energy):
    atoms = start(name)
    atoms.calc = ReferenceCalculator(LEVEL)  # the place of a minimum needs no fine grid, its energy does
    assert BFGS(atoms, logfile=None).run(fmax=0.03, steps=60)
    fine = LEVEL.model_copy(update={"grid_level": 3, "conv_tol": 1e-9})
    fitted, exact = method.mean_field(atoms, fine), dft.RKS(method.molecule(atoms, fine), xc="PBE")
    exact.grids.level, exact.conv_tol, exact.chkfile = fine.grid_level, fine.conv_tol, None
    method.converge(fitted)
    exact.kernel(dm0=method.density_matrix(fitted))
    assert exact.e_tot == pytest.approx(energy, abs=1e-4)
    assert fitted.e_tot == pytest.approx(exact.e_tot, abs=1e-4)  # what fitting the Coulomb potential costs
