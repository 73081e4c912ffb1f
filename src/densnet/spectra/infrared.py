"""Infrared absorption of a molecule from the dipole moment along its trajectory, in absolute units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.signal
from ase import units
from numpy.typing import ArrayLike, NDArray

from densnet.errors import DataError

Array = NDArray[np.float64]

PADDING = 8
"""Zero padding of a segment: interpolates between its frequencies and changes no area."""
SHORTEST = 4
"""A segment must hold this many samples to be a spectrum at all."""


def spectrum(
    dipole: ArrayLike, interval: float, temperature: float, *, segment: float, timestep: float | None = None
) -> tuple[Array, Array]:
    r"""Return the absorption spectrum of one trajectory.

    The power spectrum :math:`P` of the dipole (Welch, Hann windows, half overlap) gives

    .. math:: A(f) = \frac{N_A (2 \pi f)^2}{6 \epsilon_0 c\, k_B T} \sum_{xyz} \frac{P(f)}{2}

    whose area over a band is the double-harmonic intensity of its modes. The factor of the squared frequency already
    holds the harmonic quantum correction, so none is applied.

    Parameters
    ----------
    dipole
        (T, 3) e Å, at equal intervals; of a neutral molecule, or about the centre of mass.
    interval
        fs between frames.
    temperature
        K, the measured kinetic temperature of the trajectory.
    segment
        ps, length of a Welch segment; `densnet.spectra.lineshapes.resolution` gives the line width.
    timestep
        fs, of the velocity Verlet integrator behind the trajectory. With it, both effects of the finite step on a
        harmonic mode are undone exactly: the wavenumber is :math:`\nu \,\mathrm{sinc}(f \Delta t)`, and the squared
        velocity that belongs to the kinetic temperature is that of the central difference,
        :math:`\sin^2(2 \pi f \Delta t) / \Delta t^2` times the squared amplitude. Without it, time is exact.

    Returns
    -------
    wavenumber
        (F,) cm^-1.
    absorption
        (F,) km/mol per cm^-1, napierian.

    Raises
    ------
    DataError
        The trajectory is shorter than one segment, or a segment than a few steps.
    """
    dipole = np.asarray(dipole, float)
    samples = round(segment * 1e3 / interval)
    if len(dipole) < samples:
        raise DataError(
            f"trajectory of {len(dipole) * interval / 1e3:g} ps is shorter than one segment of {segment:g} ps; "
            "run longer, or ask for wider lines (fwhm)"
        )
    if samples < SHORTEST:
        raise DataError(
            f"a segment of {segment:g} ps has fewer than {SHORTEST} stored steps; ask for narrower lines (fwhm)"
        )
    frequency, power = scipy.signal.welch(
        dipole * units._e * 1e-10, fs=1e15 / interval, window="hann", nperseg=samples, noverlap=samples // 2,
        nfft=PADDING * samples, detrend="constant", axis=0,
    )  # fmt: skip
    prefactor = 0.1 * units._Nav / (6 * units._eps0 * units._c * units._k * temperature) * power.sum(axis=1) / 2
    if timestep is None:
        return frequency / (100 * units._c), prefactor * (2 * np.pi * frequency) ** 2
    step = timestep * 1e-15
    return _true_axis(frequency, prefactor * (np.sin(2 * np.pi * frequency * step) / step) ** 2, step)


def _true_axis(frequency: Array, curve: Array, step: float) -> tuple[Array, Array]:
    """Return wavenumbers and curve as exact dynamics would have them: lines move, their areas stay."""
    shifted = frequency / (100 * units._c) * np.sinc(frequency * step)
    return shifted, curve / np.cos(np.pi * frequency * step)


def average(spectra: Sequence[tuple[Array, Array]], grid: ArrayLike) -> tuple[Array, Array | None]:
    """Return the mean of independent spectra on ``grid`` (cm^-1) and its standard error (None for a single one).

    Beyond the highest wavenumber that its frames tell apart, a spectrum has no vibrations and is zero.
    """
    grid = np.asarray(grid, float)
    curves = np.array([np.interp(grid, wavenumber, absorption, right=0.0) for wavenumber, absorption in spectra])
    error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else None
    return curves.mean(axis=0), error


def vibrational_density(
    velocities: ArrayLike, masses: ArrayLike, interval: float, segment: float, timestep: float | None = None
) -> tuple[Array, Array]:
    """Return the vibrational density of states: the mass-weighted power spectrum of the velocities, of unit area.

    In equilibrium every mode has the same kinetic energy, and so the same area.

    Parameters
    ----------
    velocities
        (T, A, 3), any unit.
    masses
        (A,) u.
    interval
        fs between frames.
    segment
        ps, length of a Welch segment.
    timestep
        fs, of the velocity Verlet integrator behind the trajectory; with it, the shift of the lines is undone as in
        `spectrum`. Areas need no correction: the velocities are those whose kinetic energy is measured.

    Returns
    -------
    (F,) cm^-1 and (F,) per cm^-1.
    """
    velocities = np.asarray(velocities)
    samples = min(round(segment * 1e3 / interval), len(velocities))
    frequency = np.fft.rfftfreq(PADDING * samples, interval * 1e-15)
    # Welch's method has all segments in memory at once, which for all atoms of a long run are gigabytes.
    powers = (
        scipy.signal.welch(
            velocities[:, atom].astype(float), nperseg=samples, noverlap=samples // 2, nfft=PADDING * samples,
            window="hann", axis=0,
        )[1]
        for atom in range(velocities.shape[1])
    )  # fmt: skip
    density = sum(mass * power.sum(axis=1) for mass, power in zip(masses, powers, strict=True))
    density /= np.trapezoid(density, frequency / (100 * units._c))
    if timestep is None:
        return frequency / (100 * units._c), density
    return _true_axis(frequency, density, timestep * 1e-15)
