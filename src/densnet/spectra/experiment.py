"""Fundamentals measured in the gas phase, for the few molecules whose table has a source that can be cited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rdkit import Chem

from densnet.config import Molecule
from densnet.names import smiles_of
from densnet.spectra import compare
from densnet.systems import chain

Array = NDArray[np.float64]

LOWEST = 800.0
"""cm^-1 from which lines are compared: below, torsions and hot bands make a line a matter of opinion."""
BAR = 40.0
"""cm^-1 within which a band should be of its line; further off it may still be its partner."""


@dataclass(frozen=True)
class Lines:
    """Infrared-active fundamentals of a molecule.

    Attributes
    ----------
    source
        Citation.
    positions
        cm^-1, by symmetry species, highest first; None: not known in the gas phase.
    axes
        Along which principal axes of inertia, a to c, each species absorbs.
    """

    source: str
    positions: dict[str, tuple[float | None, ...]]
    axes: dict[str, str] = field(default_factory=dict)

    @property
    def wavenumbers(self) -> np.ndarray:
        """All positions, ascending, cm^-1."""
        return np.sort([line for lines in self.positions.values() for line in lines if line is not None])


TABLE = {
    # The OH stretch of that table, the highest A', 3653 cm^-1, is a value in a matrix and therefore left out.
    "CCO": Lines(
        "trans-ethanol; NIST Computational Chemistry Comparison and Benchmark Database, Standard Reference Database "
        "101, release 22 (2022), experimental data of CAS 64-17-5",
        {
            "A'": (None, 2984, 2939, 2900, 1490, 1464, 1412, 1371, 1256, 1091, 1028, 888, 417),
            "A''": (2991, 2910, 1446, 1275, 1161, 812, 251, 200),
        },
        {"A'": "ab", "A''": "c"},
    ),
    # Without the species A2, which does not absorb.
    "c1ccsc1": Lines(
        "T. Shimanouchi, Tables of Molecular Vibrational Frequencies, NSRDS-NBS 39 (1972); NIST Chemistry WebBook, "
        "Standard Reference Database 69, C110021",
        {
            "A1": (3126, 3098, 1409, 1360, 1083, 1036, 839, 608),
            "B1 in plane": (3125, 3086, 1504, 1256, 1085, 872, 751),
            "B2 out of plane": (867, 712, 452),
        },
        {"A1": "a", "B1 in plane": "b", "B2 out of plane": "c"},
    ),
}
"""Canonical SMILES to lines."""


def lines_of(molecule: Molecule) -> Lines | None:
    """Return the lines of a molecule, or of the monomer of a chain; None where there is no table of it."""
    graph = chain(smiles_of(molecule.name, molecule.smiles), 1)
    return TABLE.get(Chem.MolToSmiles(graph))


def compare_lines(grid: ArrayLike, curve: ArrayLike, lines: ArrayLike) -> dict[str, Any]:
    """Match the peaks of a spectrum with the lines above `LOWEST` that lie in its window.

    Parameters
    ----------
    grid, curve
        (G,) cm^-1 and absorption.
    lines
        (L,) cm^-1, measured.

    Returns
    -------
    dict
        See `counted`.
    """
    grid = np.asarray(grid, float)
    known = compared(grid, lines)
    return counted(compare.match(grid[compare.peaks(grid, curve)], known), known)


def compared(grid: Array, lines: ArrayLike) -> Array:
    """Return the lines (cm^-1), ascending, that are compared: those above `LOWEST` within the window of a spectrum."""
    lines = np.sort(np.asarray(lines, float))
    return lines[(lines > max(LOWEST, grid[0])) & (lines < grid[-1])]


def counted(pairs: Array, lines: Array) -> dict[str, Any]:
    """Return how far (peak, line) ``pairs`` (M, 2) are apart, cm^-1, and what ``lines`` (L,) were compared.

    Returns
    -------
    dict
        As the peaks of `densnet.spectra.compare.compare`, ``lines`` that were compared, ``pairs``, and how many lines
        have a peak ``within_bar``, that is ``bar_cm``, ``further_off`` and none (``without_partner``).
    """
    close = int((np.abs(pairs[:, 0] - pairs[:, 1]) <= BAR).sum())
    counts = {"within_bar": close, "further_off": len(pairs) - close, "without_partner": len(lines) - len(pairs)}
    found = {"bar_cm": BAR, **counts, "lines": lines.tolist(), "pairs": pairs.tolist()}
    return compare.matched_peaks(pairs, lines) | found


def on_common_lines(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the results of `counted` for several spectra with their errors on the lines that all have.

    Means over different lines do not compare; ``common_lines`` is their number, ``common_mae_cm`` the mean error.
    """
    matched = {name: {line: peak for peak, line in one["pairs"]} for name, one in found.items()}
    common = sorted(set.intersection(*(set(peaks) for peaks in matched.values()))) if matched else []
    return {
        name: one
        | {
            "common_lines": len(common),
            "common_mae_cm": float(np.mean([abs(matched[name][line] - line) for line in common])) if common else None,
        }
        for name, one in found.items()
    }
