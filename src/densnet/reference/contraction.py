r"""Contraction of primitives to the radial functions that training densities use.

Primitives of neighbouring atoms describe much of a density equally well, and a plain fit spreads it over all of them,
in a way that changes from frame to frame. So the coefficients :math:`c` of a frame are fitted with a Gaussian prior,

.. math:: \min_c \tfrac12 (c - J^{-1}b)^T J (c - J^{-1}b) + \tfrac\lambda2 \sum_A c_A^T \Sigma_{Z_A}^{-1} c_A,

whose covariance :math:`\Sigma`, one for each element and angular momentum, is learned from the coefficients themselves,
in turn with them (iteratively reweighted least squares, an expectation-maximisation with the posterior's mean alone).
What few functions can describe they then describe alone. For ethanol in aug-cc-pVDZ, against singular vectors of plain
coefficients: 0.40 instead of 0.69 % with 250 functions, 0.29 instead of 0.33 % with 355, and a metric whose condition
number is four orders lower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from densnet.basis import AuxiliaryBasis
from densnet.errors import DataError
from densnet.gaussians import Shell

STRENGTH = 1e-9
"""Lambda. Larger values give smaller bases with higher floors, smaller ones leave more of the arbitrariness."""
FIRST = 1e-4
"""Strength of the first prior, the on-site overlap."""
SMALLEST = 1e-8
"""Added to the eigenvalues of a covariance, as a fraction of the largest trace of its element."""
ITERATIONS = 8

Key = tuple[str, int]
Covariances = dict[Key, np.ndarray]


@dataclass(frozen=True)
class Equations:
    """The normal equations of one frame's fit.

    Attributes
    ----------
    symbols
        Chemical symbols of the atoms.
    metric
        Coulomb metric J, shape (primitives, primitives).
    projections
        (P|rho), shape (primitives,).
    """

    symbols: tuple[str, ...]
    metric: np.ndarray
    projections: np.ndarray


class Contraction:
    """Natural functions of a set of frames.

    Parameters
    ----------
    primitives
        Uncontracted basis of the equations.
    frames
        One or more frames that together have every element of the basis.

    Attributes
    ----------
    weights
        By element and l: root mean square over atoms and components of what each function carries, in the on-site
        Coulomb metric, as a fraction of the largest of all; descending.
    vectors
        By element and l: contraction coefficients, shape (primitives, functions).

    Raises
    ------
    DataError
        When an element of the basis is in no frame.
    """

    def __init__(self, primitives: AuxiliaryBasis, frames: list[Equations]) -> None:
        self.primitives = primitives
        present = {symbol for frame in frames for symbol in frame.symbols}
        for symbol in primitives.shells:
            if symbol not in present:
                raise DataError(
                    f"natural basis: no training frame contains {symbol}; add one, or choose another basis.kind"
                )
        keys = [(symbol, l) for symbol in primitives.shells for l in primitives.multiplicities(symbol)]
        # The on-site Coulomb metric: what is small in it is small for the density of the molecule.
        self._roots = {key: np.linalg.cholesky(_steady(primitives.coulomb(*key))) for key in keys}
        covariances = self._covariances(frames, {key: FIRST * primitives.overlap(*key) for key in keys})
        for _ in range(ITERATIONS):
            covariances = self._covariances(frames, self._priors(covariances))
        self.weights, self.vectors = self._decompose(covariances)

    @property
    def limit(self) -> float:
        """Threshold from which on an element has no functions left."""
        return min(max(w[0] for (s, _), w in self.weights.items() if s == symbol) for symbol in self.primitives.shells)

    def basis(self, threshold: float) -> AuxiliaryBasis:
        """Return the contracted functions whose weight is above a threshold.

        Raises
        ------
        DataError
            When that leaves an element without functions.
        """
        if threshold >= self.limit:
            raise DataError(
                f"natural basis: basis.threshold = {threshold:g} leaves an element without functions; say less than "
                f"{self.limit:.2g}"
            )
        shells: dict[str, list[Shell]] = {}
        for (symbol, l), vectors in self.vectors.items():
            exponents = tuple(shell.exponents[0] for shell in self.primitives.of(symbol) if shell.l == l)
            kept = vectors.T[self.weights[symbol, l] > threshold]
            shells.setdefault(symbol, []).extend(Shell(l, exponents, tuple(vector)) for vector in kept)
        name = f"natural, threshold {threshold:g}, of {self.primitives.name}"
        return AuxiliaryBasis({symbol: tuple(found) for symbol, found in shells.items()}, name)

    def _covariances(self, frames: list[Equations], priors: Covariances) -> Covariances:
        """Return the mean of c c^T over the atoms of an element and the components of an l, fitted under priors."""
        sums = {key: np.zeros_like(prior) for key, prior in priors.items()}
        counts = dict.fromkeys(self.primitives.shells, 0)
        for frame in frames:
            matrix = frame.metric.copy()
            for key, rows in self._rows(frame.symbols):
                for row in rows.T:
                    matrix[np.ix_(row, row)] += priors[key]
            solved = scipy.linalg.solve(matrix, frame.projections, assume_a="pos")
            for key, rows in self._rows(frame.symbols):
                sums[key] += solved[rows] @ solved[rows].T / (2 * key[1] + 1)
            for symbol in frame.symbols:
                counts[symbol] += 1
        return {key: total / counts[key[0]] for key, total in sums.items()}

    def _rows(self, symbols: tuple[str, ...]) -> Iterator[tuple[Key, np.ndarray]]:
        """Yield the places of the coefficients of each atom and l, shape (shells, 2 l + 1)."""
        for symbol, start in zip(symbols, self.primitives.offsets(symbols), strict=False):
            for l, multiplicity in self.primitives.multiplicities(symbol).items():
                stop = start + multiplicity * (2 * l + 1)
                yield (symbol, l), np.arange(start, stop).reshape(multiplicity, 2 * l + 1)
                start = stop

    def _priors(self, covariances: Covariances) -> Covariances:
        """Return the strength of the prior times the inverse of each covariance."""
        whitened = {key: root.T @ covariances[key] @ root for key, root in self._roots.items()}
        largest = {symbol: 0.0 for symbol, _ in whitened}
        for (symbol, _), matrix in whitened.items():
            largest[symbol] = max(largest[symbol], float(np.trace(matrix)))
        priors = {}
        for key, matrix in whitened.items():
            steady = matrix + SMALLEST * largest[key[0]] * np.eye(len(matrix))
            half = scipy.linalg.solve_triangular(np.linalg.cholesky(steady), self._roots[key].T, lower=True)
            priors[key] = STRENGTH * half.T @ half
        return priors

    def _decompose(self, covariances: Covariances) -> tuple[dict[Key, np.ndarray], dict[Key, np.ndarray]]:
        weights, vectors = {}, {}
        for key, root in self._roots.items():
            values, directions = np.linalg.eigh(root.T @ covariances[key] @ root)
            weights[key] = np.sqrt(np.clip(values[::-1], 0.0, None))
            vectors[key] = scipy.linalg.solve_triangular(root.T, directions[:, ::-1], lower=False)
        largest = max(found[0] for found in weights.values())
        return {key: found / largest for key, found in weights.items()}, vectors


def _steady(metric: np.ndarray) -> np.ndarray:
    """Return a metric with so much added to its diagonal that it has a Cholesky factor."""
    return metric + 1e-12 * np.diag(metric.diagonal())
