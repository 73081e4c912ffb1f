"""Auxiliary bases for the density difference: named, even-tempered, or contracted from training densities."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import scipy.linalg
from pyscf import df, gto

from densnet.basis import AuxiliaryBasis, Shell
from densnet.config import Basis, Reference
from densnet.errors import DataError
from densnet.reference.method import check_basis_name, check_level

log = logging.getLogger(__name__)


def check_basis(reference: Reference, basis: Basis, symbols: list[str]) -> None:
    """Raise `ConfigError` when the level of theory or the auxiliary basis is impossible for the elements."""
    check_level(reference, symbols)
    if basis.kind == "named":
        check_basis_name("basis.name", basis.name, symbols)


def build(symbols: list[str], reference: Reference, basis: Basis) -> AuxiliaryBasis:
    """Return the named set, or the even-tempered set, that a study asks for.

    For a natural basis this is the set of primitives from which `natural` contracts it.
    """
    check_basis(reference, basis, symbols)
    if basis.kind == "named":
        return named(symbols, basis.name, basis.max_l)
    return even_tempered(symbols, reference.basis, basis.beta, basis.max_l)


def named(symbols: list[str], name: str, max_l: int) -> AuxiliaryBasis:
    """Return a set that PySCF knows by name, without its shells above an angular momentum."""
    raw = {symbol: gto.basis.load(name, symbol) for symbol in sorted(set(symbols))}
    return AuxiliaryBasis({symbol: _shells(shells, max_l) for symbol, shells in raw.items()}, name)


def even_tempered(symbols: list[str], orbital_basis: str, beta: float, max_l: int) -> AuxiliaryBasis:
    """Return primitives whose exponents form geometric series over the products of an orbital basis.

    `pyscf.df.aug_etb`'s rule (Stoychev, Auer and Neese, JCTC 13, 554, 2017), element by element.
    """
    shells = {}
    for symbol in sorted(set(symbols)):
        mol = gto.M(atom=[(symbol, (0, 0, 0))], basis=orbital_basis, spin=None, verbose=0)
        raw = df.aug_etb(mol, beta=beta)[symbol]
        shells[symbol] = _shells(raw, max_l)
    return AuxiliaryBasis(shells, f"even-tempered, beta {beta:g}")


def _shells(raw: list[list[Any]], max_l: int) -> tuple[Shell, ...]:
    """Return the shells of one element from PySCF's format; each contraction becomes a shell of its own."""
    shells = []
    for l, *primitives in raw:
        rows = [row for row in primitives if not np.isscalar(row)]
        exponents = tuple(row[0] for row in rows)
        for contraction in range(1, len(rows[0])):
            pairs = [(e, row[contraction]) for e, row in zip(exponents, rows, strict=True) if row[contraction]]
            if l <= max_l:
                shells.append(Shell(l, tuple(e for e, _ in pairs), tuple(c for _, c in pairs)))
    return tuple(shells)


def natural(
    primitives: AuxiliaryBasis, frames: list[tuple[list[str], np.ndarray]], threshold: float
) -> tuple[AuxiliaryBasis, dict[str, dict[int, list[float]]]]:
    r"""Contract primitives to the radial functions that training densities use.

    For each element and l the coefficients of every atom, frame and component m form a matrix of one row per shell.
    Whitened with the on-site overlap block, :math:`S = L L^T`, :math:`L^T C = U \Sigma V^T`, the leading left singular
    vectors are the best orthonormal contractions :math:`L^{-T} U` of their number.

    Parameters
    ----------
    primitives
        Basis of the coefficients.
    frames
        Symbols and fitted coefficients of each training frame.
    threshold
        Contractions whose singular value is below this fraction of the element's largest are dropped.

    Returns
    -------
    basis
        Contracted basis.
    singular_values
        By element and l, as fractions of the element's largest.

    Raises
    ------
    DataError
        When an element of the basis is in no frame.
    """
    shells, spectra = {}, {}
    for symbol in primitives.shells:
        rows = _coefficients_of(symbol, primitives, frames)
        if not rows:
            raise DataError(
                f"natural basis: no training frame contains {symbol}; add one, or choose another basis.kind"
            )
        found = {l: _contractions(symbol, l, primitives, matrix) for l, matrix in rows.items()}
        largest = max(values[0] for values, _ in found.values())
        spectra[symbol] = {l: (values / largest).tolist() for l, (values, _) in found.items()}
        shells[symbol] = tuple(
            Shell(l, exponents, tuple(vector))
            for l, (values, vectors) in found.items()
            for exponents in [tuple(s.exponents[0] for s in primitives.of(symbol) if s.l == l)]
            for vector in vectors.T[values > threshold * largest]
        )
        log.info("%s: %s of %d functions", symbol, sum(2 * s.l + 1 for s in shells[symbol]), primitives.size(symbol))
    return AuxiliaryBasis(shells, f"natural, threshold {threshold:g}, of {primitives.name}"), spectra


def _coefficients_of(
    symbol: str, basis: AuxiliaryBasis, frames: list[tuple[list[str], np.ndarray]]
) -> dict[int, np.ndarray]:
    """Return, by l, the coefficients of one element, shape (shells, atoms * frames * (2 l + 1))."""
    atoms = []
    for symbols, coefficients in frames:
        offsets = basis.offsets(symbols)
        atoms += [coefficients[offsets[i] : offsets[i + 1]] for i, other in enumerate(symbols) if other == symbol]
    if not atoms:
        return {}
    stacked, rows, start = np.array(atoms), {}, 0
    for l, multiplicity in basis.multiplicities(symbol).items():
        stop = start + multiplicity * (2 * l + 1)
        block = stacked[:, start:stop].reshape(len(atoms), multiplicity, 2 * l + 1)
        rows[l], start = block.transpose(1, 0, 2).reshape(multiplicity, -1), stop
    return rows


def _contractions(symbol: str, l: int, basis: AuxiliaryBasis, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return singular values per root of the number of atoms, and contraction coefficients (shells, contractions)."""
    lower = np.linalg.cholesky(basis.overlap(symbol, l))
    left, values, _ = np.linalg.svd(lower.T @ rows, full_matrices=False)
    contractions = scipy.linalg.solve_triangular(lower.T, left, lower=False)
    return values * np.sqrt((2 * l + 1) / rows.shape[1]), contractions
