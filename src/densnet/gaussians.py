r"""Contracted Gaussian shells of one centre: normalisation, moments, and integrals between primitives.

Contraction coefficients multiply primitives normalised to :math:`\int|\chi|^2 = 1`, and the contracted function is
normalised in the same way. Angular parts are real spherical harmonics with unit norm on the sphere, in e3nn's order.
Everything here is in atomic units (bohr).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import gamma

from densnet.errors import DataError
from densnet.harmonics import spherical_harmonics


@dataclass(frozen=True)
class Shell:
    """A contracted Gaussian shell.

    Attributes
    ----------
    l
        Angular momentum.
    exponents
        Exponents of the primitives, 1/bohr^2.
    coefficients
        Contraction coefficients over normalised primitives, scaled so that the contracted function is normalised.
    """

    l: int
    exponents: tuple[float, ...]
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.exponents) != len(self.coefficients) or not self.exponents or min(self.exponents) <= 0:
            raise DataError(f"shell with l = {self.l}: needs as many coefficients as exponents, all exponents positive")
        exponents, coefficients = np.array(self.exponents), np.array(self.coefficients)
        norm = np.sqrt(coefficients @ primitive_overlap(self.l, exponents, exponents) @ coefficients)
        if abs(norm - 1) > 1e-12:  # a shell read back from a file keeps its digits
            coefficients = coefficients / norm
        object.__setattr__(self, "exponents", tuple(map(float, exponents)))
        object.__setattr__(self, "coefficients", tuple(map(float, coefficients)))

    def prefactors(self) -> np.ndarray:
        """Return, for each primitive, the factor before :math:`r^l e^{-a r^2} Y_{lm}`, shape (primitives,)."""
        return np.array(self.coefficients) * primitive_norm(self.l, np.array(self.exponents))

    def radial_moment(self, power: int) -> float:
        r"""Return :math:`\int_0^\infty R(r)\, r^{power+2} dr` of the radial function R."""
        half = (self.l + power + 3) / 2
        return float(self.prefactors() @ (gamma(half) / (2 * np.array(self.exponents) ** half)))

    def charge(self) -> np.ndarray:
        r"""Return :math:`\int\chi`, shape (2 l + 1,)."""
        moments = np.zeros(2 * self.l + 1)
        if self.l == 0:
            moments[0] = np.sqrt(4 * np.pi) * self.radial_moment(0)
        return moments

    def dipole(self) -> np.ndarray:
        r"""Return :math:`\int r\,\chi` about the centre, bohr, shape (2 l + 1, 3)."""
        if self.l != 1:
            return np.zeros((2 * self.l + 1, 3))
        return np.eye(3) * np.sqrt(4 * np.pi / 3) * self.radial_moment(1)

    def second_moment(self) -> np.ndarray:
        r"""Return :math:`\int r r^T\chi` about the centre, bohr^2, shape (2 l + 1, 3, 3)."""
        if self.l not in (0, 2):
            return np.zeros((2 * self.l + 1, 3, 3))
        return _angular_second_moment(self.l) * self.radial_moment(2)


def primitive_norm(l: int, exponents: np.ndarray) -> np.ndarray:
    """Return the normalisation of primitives :math:`r^l e^{-a r^2} Y_{lm}`."""
    return np.sqrt(2 * (2 * exponents) ** (l + 1.5) / gamma(l + 1.5))


def primitive_overlap(l: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the overlap of normalised primitives of one centre and one l, shape (len(a), len(b))."""
    a, b = a[:, None], b[None, :]
    return (2 * np.sqrt(a * b) / (a + b)) ** (l + 1.5)


def primitive_coulomb(l: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    r"""Return the Coulomb integrals of normalised primitives of one centre and one l, shape (len(a), len(b)).

    From the Fourier transform of a solid harmonic Gaussian,
    :math:`\frac{4\pi}{(2\pi)^3}\int \tilde\chi_a \tilde\chi_b\, dk` over k with the :math:`1/k^2` of the Coulomb
    operator cancelling the volume element.
    """
    norms = primitive_norm(l, a)[:, None] * primitive_norm(l, b)[None, :]
    product, inverse = a[:, None] * b[None, :], (1 / a)[:, None] + (1 / b)[None, :]
    radial = gamma(l + 0.5) / (2 * (inverse / 4) ** (l + 0.5))
    return norms * np.pi**3 / product**1.5 / (4 * product) ** l * radial / (2 * np.pi**2)


@cache
def _angular_second_moment(l: int) -> np.ndarray:
    """Return the integral of n_i n_j Y_lm over the sphere, by a product quadrature exact for its degree."""
    cosines, weights = np.polynomial.legendre.leggauss(6)
    angles = 2 * np.pi * np.arange(12) / 12
    sines = np.sqrt(1 - cosines**2)[:, None]
    normals = np.stack(
        [sines * np.cos(angles), sines * np.sin(angles), np.repeat(cosines[:, None], 12, axis=1)], axis=-1
    ).reshape(-1, 3)
    harmonics = spherical_harmonics(l, normals)
    return np.einsum("g,gm,gi,gj->mij", np.repeat(weights * 2 * np.pi / 12, 12), harmonics, normals, normals)
