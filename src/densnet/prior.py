"""Superposed free-atom densities: the part of the density that is never fitted nor learned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.units import Bohr, Hartree

from densnet.errors import DataError
from densnet.files import atomic

NOTHING = 60.0
"""Exponent past which a Gaussian is left out: exp(-60) is 1e-26."""


@dataclass(frozen=True)
class FreeAtom:
    r"""A spherically averaged neutral atom, :math:`\rho(r) = \sum_k c_k r^{p_k} e^{-a_k r^2}` in e/bohr^3.

    A product of two Gaussians of one centre is a Gaussian, so this is the orbital density itself and not a fit.

    Attributes
    ----------
    symbol
        Chemical symbol.
    energy
        Total energy, Hartree.
    powers, exponents, coefficients
        The terms of the radial density, each of shape (terms,).
    """

    symbol: str
    energy: float
    powers: tuple[int, ...]
    exponents: tuple[float, ...]
    coefficients: tuple[float, ...]

    def density(self, distances: np.ndarray) -> np.ndarray:
        """Return the density in e/bohr^3 at distances in bohr; the shape is kept.

        From the nearest point outwards: most terms are tight, and end long before a molecule does.
        """
        order = np.argsort(distances, axis=None)
        radii = np.ravel(distances)[order]
        squares, found = radii**2, np.zeros(len(radii))
        sums = {power: np.zeros(len(radii)) for power in set(self.powers)}
        for power, exponent, coefficient in zip(self.powers, self.exponents, self.coefficients, strict=True):
            near = np.searchsorted(squares, NOTHING / exponent)
            sums[power][:near] += coefficient * np.exp(-exponent * squares[:near])
        found[order] = sum(radii**power * values for power, values in sums.items())
        return found.reshape(np.shape(distances))


@dataclass(frozen=True)
class FreeAtoms:
    """The free atoms of a study.

    Attributes
    ----------
    atoms
        Chemical symbol to free atom.
    level
        Level of theory they were computed at, as the study states it, and the kind of prior where it is not that of
        free atoms.
    """

    atoms: dict[str, FreeAtom]
    level: dict[str, Any]

    @property
    def kind(self) -> str:
        """Which prior these are, as ``basis.prior`` names it."""
        return self.level.get("prior", "free-atoms")

    def called(self, names: Sequence[str], symbols: Sequence[str]) -> FreeAtoms:
        """Return the free atoms of a structure whose atoms have names of their own."""
        return FreeAtoms({name: self._of(symbol) for name, symbol in zip(names, symbols, strict=True)}, self.level)

    def _of(self, symbol: str) -> FreeAtom:
        try:
            return self.atoms[symbol]
        except KeyError:
            raise DataError(f"free atoms known: {' '.join(self.atoms)}; there is none for {symbol}") from None

    def energy(self, symbols: Sequence[str]) -> float:
        """Return the sum of the free-atom energies, eV."""
        return sum(self._of(symbol).energy for symbol in symbols) * Hartree

    def density(self, symbols: Sequence[str], positions: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return the superposed density.

        Parameters
        ----------
        symbols
            Chemical symbols of the atoms.
        positions
            (atoms, 3), Angstrom.
        points
            (points, 3), Angstrom.

        Returns
        -------
        numpy.ndarray
            (points,), e/Angstrom^3.
        """
        total = np.zeros(len(points))
        for symbol, centre in zip(symbols, positions, strict=True):
            total += self._of(symbol).density(np.linalg.norm(points - centre, axis=1) / Bohr)
        return total / Bohr**3

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {"level": self.level, "atoms": [asdict(atom) for atom in self.atoms.values()]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FreeAtoms:
        """Return the free atoms that `to_dict` described."""
        atoms = [
            FreeAtom(a["symbol"], a["energy"], *(tuple(a[key]) for key in ("powers", "exponents", "coefficients")))
            for a in values["atoms"]
        ]
        return cls({atom.symbol: atom for atom in atoms}, values["level"])

    def save(self, path: str | Path) -> None:
        """Write the free atoms as JSON."""
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(self.to_dict(), indent=1))

    @classmethod
    def load(cls, path: str | Path) -> FreeAtoms:
        """Read free atoms written by `save`; raise `DataError` when the file is damaged."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not readable free atoms ({error}); run the atoms rule again") from None
