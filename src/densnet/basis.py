"""Auxiliary basis of atom-centred Gaussians: order, values, moments and on-site metrics.

The one place where the layout of a coefficient vector is defined:

- atoms in the order of the structure; in an atom, angular momenta ascending; in an angular momentum, the block
  ``[multiplicity, 2 l + 1]``, row by row; in a shell, the components in e3nn's order (l = 1 is x, y, z).
- Functions are normalised as `densnet.gaussians` says; the parity of a coefficient is :math:`(-1)^l`.

Everything here is in atomic units (bohr).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from densnet.errors import DataError
from densnet.files import atomic
from densnet.gaussians import Shell, primitive_coulomb, primitive_overlap
from densnet.harmonics import about_z, solid_harmonics, spherical_harmonics

if TYPE_CHECKING:
    import scipy.sparse

ORDER = "atom, l, shell, m (e3nn)"


@dataclass(frozen=True)
class AuxiliaryBasis:
    """Shells of each element.

    Attributes
    ----------
    shells
        Chemical symbol to shells, sorted by angular momentum.
    name
        What the basis is called in reports.
    """

    shells: dict[str, tuple[Shell, ...]]
    name: str = ""
    _moments: dict[tuple[str, str], np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        # sorted() is stable, so the order of the shells within an angular momentum is the author's.
        ordered = {symbol: tuple(sorted(shells, key=lambda shell: shell.l)) for symbol, shells in self.shells.items()}
        object.__setattr__(self, "shells", ordered)

    def of(self, symbol: str) -> tuple[Shell, ...]:
        """Return the shells of one element; raise `DataError` when the basis does not have it."""
        try:
            return self.shells[symbol]
        except KeyError:
            known = " ".join(self.shells)
            raise DataError(f"auxiliary basis {self.name!r} knows {known}; it has no functions for {symbol}") from None

    def multiplicities(self, symbol: str) -> dict[int, int]:
        """Return the number of shells of each angular momentum of one element."""
        momenta = [shell.l for shell in self.of(symbol)]
        return {l: momenta.count(l) for l in sorted(set(momenta))}

    def irreps(self, symbol: str) -> str:
        """Return the e3nn irreps of the coefficients of one element, such as ``11x0e+8x1o``."""
        return "+".join(f"{mul}x{l}{'eo'[l % 2]}" for l, mul in self.multiplicities(symbol).items())

    def size(self, symbol: str) -> int:
        """Return the number of functions of one element."""
        return sum(2 * shell.l + 1 for shell in self.of(symbol))

    def offsets(self, symbols: Sequence[str]) -> np.ndarray:
        """Return where the coefficients of each atom start, and the total, shape (atoms + 1,)."""
        return np.concatenate([[0], np.cumsum([self.size(symbol) for symbol in symbols])]).astype(int)

    def overlap(self, symbol: str, l: int) -> np.ndarray:
        """Return the overlap of the shells of one element and one l (any one component), shape (shells, shells)."""
        return self._on_site(symbol, l, primitive_overlap)

    def coulomb(self, symbol: str, l: int) -> np.ndarray:
        """Return the Coulomb metric of the shells of one element and one l, Hartree, shape (shells, shells)."""
        return self._on_site(symbol, l, primitive_coulomb)

    def _on_site(self, symbol: str, l: int, integral: Any) -> np.ndarray:  # noqa: ANN401
        shells = [shell for shell in self.of(symbol) if shell.l == l]
        block = np.empty((len(shells), len(shells)))
        for i, a in enumerate(shells):
            for j, b in enumerate(shells):
                primitives = integral(l, np.array(a.exponents), np.array(b.exponents))
                block[i, j] = np.array(a.coefficients) @ primitives @ np.array(b.coefficients)
        return block

    def charges(self, symbols: Sequence[str]) -> np.ndarray:
        r"""Return :math:`\int\chi` of every function, shape (functions,). Only l = 0 contributes."""
        return self._per_atom("charge", symbols, Shell.charge)

    def dipoles(self, symbols: Sequence[str]) -> np.ndarray:
        r"""Return :math:`\int(r - R_A)\,\chi` of every function about its own centre, bohr, shape (functions, 3)."""
        return self._per_atom("dipole", symbols, Shell.dipole)

    def second_moments(self, symbols: Sequence[str]) -> np.ndarray:
        r"""Return :math:`\int(r - R_A)(r - R_A)^T\chi` about each centre, bohr^2, shape (functions, 3, 3)."""
        return self._per_atom("second", symbols, Shell.second_moment)

    def _per_atom(self, kind: str, symbols: Sequence[str], moment: Any) -> np.ndarray:  # noqa: ANN401
        for symbol in set(symbols):
            if (kind, symbol) not in self._moments:
                self._moments[kind, symbol] = np.concatenate([moment(shell) for shell in self.of(symbol)])
        return np.concatenate([self._moments[kind, symbol] for symbol in symbols])

    def evaluate(self, symbols: Sequence[str], positions: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the value of every function on points.

        Parameters
        ----------
        symbols
            Chemical symbols of the atoms.
        positions
            (atoms, 3), bohr.
        points
            (points, 3), bohr.

        Returns
        -------
        numpy.ndarray
            (points, functions), bohr^-3/2.
        """
        columns = []
        for symbol, centre in zip(symbols, positions, strict=True):
            vectors, shells = points - centre, self.of(symbol)
            squares = (vectors**2).sum(-1, keepdims=True)
            solid = solid_harmonics(max((shell.l for shell in shells), default=0), vectors)
            for shell in shells:
                radial = np.exp(-squares * np.array(shell.exponents)) @ shell.prefactors()
                columns.append(radial[:, None] * solid[shell.l])
        return np.concatenate(columns, axis=1)

    def stretched(self, symbols: Sequence[str], logarithms: np.ndarray) -> tuple[AuxiliaryBasis, list[str]]:
        """Return the basis in which every atom has shells of its own, and what the atoms are called in it.

        Parameters
        ----------
        symbols
            Chemical symbols of the atoms.
        logarithms
            (functions,) of the factors by which a model stretches exponents (see `densnet.models.flexible`); without
            any, basis and symbols are returned as they are.
        """
        if not len(logarithms):
            return self, list(symbols)
        names = [f"{symbol}{number}" for number, symbol in enumerate(symbols)]
        factors, shells, start = np.exp(logarithms), {}, 0
        for name, symbol in zip(names, symbols, strict=True):
            own = []
            for shell in self.of(symbol):
                exponents = (float(factors[start]) * exponent for exponent in shell.exponents)
                own.append(Shell(shell.l, tuple(exponents), shell.coefficients))
                start += 2 * shell.l + 1
            shells[name] = tuple(own)
        return AuxiliaryBasis(shells, self.name), names

    def to_pyscf(self) -> dict[str, list[list[Any]]]:
        """Return the basis in PySCF's internal format, for ``gto.M(basis=...)``."""
        return {
            symbol: [
                [s.l, *([e, c] for e, c in zip(s.exponents, s.coefficients, strict=True))]
                for s in sorted(shells, key=lambda shell: shell.l)
            ]
            for symbol, shells in self.shells.items()
        }

    def from_pyscf_order(self, symbols: Sequence[str]) -> scipy.sparse.csr_array:
        """Return the orthogonal matrix T with ``c_e3nn = T @ c_pyscf``, sparse, shape (functions, functions)."""
        from scipy.sparse import block_diag, csr_array

        blocks = [_pyscf_to_e3nn(shell.l) for symbol in symbols for shell in self.of(symbol)]
        return csr_array(block_diag(blocks, format="csr"))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        shells = {
            symbol: [{"l": s.l, "exponents": s.exponents, "coefficients": s.coefficients} for s in shells]
            for symbol, shells in self.shells.items()
        }
        return {"name": self.name, "order": ORDER, "shells": shells}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AuxiliaryBasis:
        """Return the basis that `to_dict` described; raise `DataError` when it is written in another order."""
        if values.get("order") != ORDER:
            raise DataError(f"auxiliary basis in the order {values.get('order')!r}; this version reads {ORDER!r}")
        shells = {
            symbol: tuple(Shell(s["l"], tuple(s["exponents"]), tuple(s["coefficients"])) for s in shells)
            for symbol, shells in values["shells"].items()
        }
        return cls(shells, values["name"])

    def save(self, path: str | Path) -> None:
        """Write the basis as JSON."""
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=1))

    @classmethod
    def load(cls, path: str | Path) -> AuxiliaryBasis:
        """Read a basis written by `save`; raise `DataError` when it is damaged."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: not a readable auxiliary basis ({error}); make it again with the basis rule"
            ) from None


@cache
def _pyscf_to_e3nn(l: int) -> np.ndarray:
    """Return the change of basis of one shell from PySCF's real spherical harmonics to e3nn's.

    Both use x, y, z for l = 1. Above, e3nn's polar axis is y and PySCF's is z: e3nn's harmonics of (x, y, z) are
    PySCF's of (z, x, y). Solved for on random directions.
    """
    if l < 2:
        return np.eye(2 * l + 1)
    directions = np.random.default_rng(l).normal(size=(8 * l, 3))
    return np.linalg.lstsq(about_z(l, directions), spherical_harmonics(l, directions), rcond=None)[0].T
