"""Integrals between the functions of an auxiliary basis on the atoms of a structure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from ase.units import Bohr
from pyscf import gto

from densnet.basis import AuxiliaryBasis


def coulomb_and_overlap(
    symbols: Sequence[str], positions: np.ndarray, basis: AuxiliaryBasis
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Coulomb integrals J (Hartree) and the overlaps S of all functions, each (functions, functions).

    Parameters
    ----------
    symbols, positions
        The structure; (atoms, 3), Angstrom.
    basis
        Auxiliary basis; its order is that of rows and columns.
    """
    transform = basis.from_pyscf_order(symbols)
    auxiliary = on_atoms(basis, symbols, np.asarray(positions) / Bohr)
    return tuple(transform @ auxiliary.intor(name) @ transform.T for name in ("int2c2e", "int1e_ovlp"))


def auxiliary_molecule(mol: gto.Mole, basis: AuxiliaryBasis) -> gto.Mole:
    """Return PySCF's molecule whose functions are those of the auxiliary basis on the atoms of another."""
    return on_atoms(basis, mol.elements, mol.atom_coords())


def on_atoms(basis: AuxiliaryBasis, symbols: Sequence[str], coordinates: np.ndarray) -> gto.Mole:
    """Return PySCF's molecule whose functions are those of the auxiliary basis on atoms at coordinates in bohr.

    Shells that share their exponents become one general contraction, whose primitives PySCF evaluates once; the order
    of the functions is that of `AuxiliaryBasis.to_pyscf`.
    """
    shells: dict[str, list[list[Any]]] = {}
    for symbol in set(symbols):
        for (l, exponents), group in groupby(basis.of(symbol), key=lambda shell: (shell.l, shell.exponents)):
            rows = zip(exponents, *(shell.coefficients for shell in group), strict=True)
            shells.setdefault(symbol, []).append([l, *(list(row) for row in rows)])
    geometry = list(zip(symbols, coordinates, strict=True))
    return gto.M(atom=geometry, unit="B", basis=shells, spin=None, verbose=0)
