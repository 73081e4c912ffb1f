"""Auxiliary bases for the density difference: named ones, and even-tempered primitives."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyscf import df, gto

from densnet.basis import AuxiliaryBasis
from densnet.config import Basis, Reference
from densnet.errors import ConfigError, DataError
from densnet.gaussians import Shell
from densnet.reference.level import check_basis_name, check_level


def check_basis(reference: Reference, basis: Basis, symbols: list[str]) -> None:
    """Raise `ConfigError` when the level of theory or the auxiliary basis is impossible for the elements."""
    check_level(reference, symbols)
    if basis.kind == "named":
        check_basis_name("basis.name", basis.name, symbols)
    if basis.kind == "file":
        _check_file(basis, symbols)


def _check_file(basis: Basis, symbols: list[str]) -> None:
    try:
        found = AuxiliaryBasis.load(basis.name)
    except DataError as error:
        raise ConfigError(f"basis.name: {error}") from None
    if missing := sorted(set(symbols) - set(found.shells)):
        raise ConfigError(f"basis.name: {basis.name} has no functions for {', '.join(missing)}")
    highest = max(shell.l for shells in found.shells.values() for shell in shells)
    if highest > basis.max_l:
        raise ConfigError(f"basis.max_l is {basis.max_l}, but {basis.name} has functions with l = {highest}; raise it")


def build(symbols: list[str], reference: Reference, basis: Basis) -> AuxiliaryBasis:
    """Return the named set, or the even-tempered set, that a study asks for.

    For a natural basis this is the set of primitives from which `densnet.reference.natural` contracts it.
    """
    check_basis(reference, basis, symbols)
    if basis.kind == "named":
        return named(symbols, basis.name, basis.max_l)
    if basis.kind == "file":
        return AuxiliaryBasis.load(basis.name)
    return even_tempered(symbols, reference.basis, basis.beta, basis.max_l, basis.enrich)


def named(symbols: list[str], name: str, max_l: int) -> AuxiliaryBasis:
    """Return a set that PySCF knows by name, without its shells above an angular momentum."""
    raw = {symbol: gto.basis.load(name, symbol) for symbol in sorted(set(symbols))}
    return AuxiliaryBasis({symbol: _shells(shells, max_l) for symbol, shells in raw.items()}, name)


def even_tempered(
    symbols: list[str], orbital_basis: str, beta: float, max_l: int, enrich: bool = False
) -> AuxiliaryBasis:
    """Return primitives whose exponents form geometric series over the products of an orbital basis.

    `pyscf.df.aug_etb`'s rule (Stoychev, Auer and Neese, JCTC 13, 554, 2017), element by element. It has what products
    of two orbitals of one atom need. The density between two atoms needs more: ``enrich`` gives the highest angular
    momentum of each element the exponents of the one below it as well, and adds one above it where ``max_l`` allows.
    """
    shells = {}
    for symbol in sorted(set(symbols)):
        mol = gto.M(atom=[(symbol, (0, 0, 0))], basis=orbital_basis, spin=None, verbose=0)
        found = _shells(df.aug_etb(mol, beta=beta)[symbol], max_l)
        shells[symbol] = _enriched(found, max_l) if enrich else found
    return AuxiliaryBasis(shells, f"even-tempered, beta {beta:g}{', enriched' if enrich else ''}")


def _enriched(shells: tuple[Shell, ...], max_l: int) -> tuple[Shell, ...]:
    highest = max(shell.l for shell in shells)
    exponents = {l: {shell.exponents[0] for shell in shells if shell.l == l} for l in range(highest + 1)}
    wanted = dict(exponents)
    if highest:
        wanted[highest] = exponents[highest] | exponents[highest - 1]
    if highest < max_l:
        wanted[highest + 1] = exponents[highest]
    return tuple(Shell(l, (exponent,), (1.0,)) for l in sorted(wanted) for exponent in sorted(wanted[l], reverse=True))


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
