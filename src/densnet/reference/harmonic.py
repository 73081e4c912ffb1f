"""Harmonic infrared spectra from DFT: the whole Hessian, or mode tracking in the space of another method's modes.

The Hessian is that of differences (`densnet.reference.displacements`) or of response theory
(`densnet.reference.hessian`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from densnet.config import Harmonic, Reference
from densnet.reference.displacements import differences
from densnet.reference.hessian import analytic_hessian
from densnet.reference.minimum import relax
from densnet.rigid import vibrational_space
from densnet.spectra import harmonic
from densnet.spectra.tracked import counterpart

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Saddle points that are left before one is accepted with a warning."""


def full_spectrum(
    atoms: Atoms,
    reference: Reference,
    settings: Harmonic,
    folder: str | Path,
    processes: int = 1,
    **extra: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the harmonic spectrum of a minimum from the whole Hessian.

    A saddle point, where forces vanish as well, is left along its mode of negative curvature.

    Parameters
    ----------
    atoms
        Minimum of the reference method, with energy and forces, as from `relax`.
    reference
        Level of theory.
    settings
        How the Hessian is made, and how far to displace.
    folder
        Where finished displacements are kept.
    processes
        How many displacements are computed at the same time.
    extra
        Stored with the result.

    Returns
    -------
    dict
        As `densnet.spectra.harmonic.result`, with energy (eV) and the largest residual force (eV/Angstrom).
    """
    for attempt in range(ATTEMPTS):
        if settings.hessian == "analytic":
            curvature, dipoles = analytic_hessian(atoms, reference)
        else:
            curvature, dipoles = hessian(atoms, reference, settings.displacement, folder, processes)
        modes = harmonic.normal_modes(curvature, dipoles, atoms.positions, atoms.get_masses())
        if modes.frequencies[0] > harmonic.SADDLE:
            break
        log.warning("%s: saddle point (%.0f cm^-1), attempt %d", atoms.symbols, modes.frequencies[0], attempt + 1)
        if attempt < ATTEMPTS - 1:
            atoms = relax(harmonic.downhill(atoms, modes), reference, folder)
    return harmonic.result(atoms, modes, method=_method(reference), **_minimum(atoms), **extra)


def tracked_spectrum(
    atoms: Atoms,
    modes_at: Callable[[Atoms], harmonic.Modes],
    reference: Reference,
    settings: Harmonic,
    folder: str | Path,
    processes: int = 1,
    **extra: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Return the DFT spectrum in the space of a model's infrared-active modes.

    The modes are the model's at the DFT minimum: rings that are twisted differently at its own minimum would make its
    modes there a poor space.

    Parameters
    ----------
    atoms
        Minimum of the reference method, with energy and forces, as from `relax`.
    modes_at
        The model's modes at any structure.
    reference
        Level of theory.
    settings
        How many modes, and how far to displace.
    folder
        Where finished displacements are kept.
    processes
        How many displacements are computed at the same time.
    extra
        Stored with the result.

    Returns
    -------
    dict
        As `densnet.spectra.harmonic.result`, with the residuals (cm^-1), the share of the model's intensity that the
        tracked modes carry, and under ``model`` the model's frequencies, intensities and modes that were tracked.
    """
    modes = modes_at(atoms)
    chosen = harmonic.active_modes(modes, settings.captured, settings.max_modes)
    found, residuals = track(atoms, modes.vectors[chosen], reference, settings.displacement, folder, processes)
    share = float(modes.intensities[chosen].sum() / modes.intensities.sum())
    log.info("%s: %d modes, %.1f %% of the model's intensity", atoms.symbols, len(chosen), 100 * share)
    return harmonic.result(
        atoms, found, method=f"{_method(reference)}, mode tracking", residuals=np.round(residuals, 3).tolist(),
        captured=share, model=counterpart(modes, chosen), **_minimum(atoms), **extra,
    )  # fmt: skip


def hessian(
    atoms: Atoms, reference: Reference, displacement: float, folder: str | Path, processes: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Hessian (3 atoms, 3 atoms), eV/Angstrom^2, and the dipole derivatives (3 atoms, 3), e."""
    directions = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    slopes, dipoles = differences(atoms, directions, reference, displacement, folder, processes)
    return (slopes + slopes.T) / 2, dipoles


def track(
    atoms: Atoms,
    modes: np.ndarray,
    reference: Reference,
    displacement: float,
    folder: str | Path,
    processes: int = 1,
) -> tuple[harmonic.Modes, np.ndarray]:
    r"""Return vibrations in the space spanned by given modes (Reiher and Neugebauer, J. Chem. Phys. 118, 1634, 2003).

    Parameters
    ----------
    atoms
        A minimum of the reference method.
    modes
        (modes, atoms, 3) mass-weighted vectors; they are made orthonormal.
    reference
        Level of theory.
    displacement
        Norm of the Cartesian displacement, Angstrom.
    folder
        Where finished displacements are kept.
    processes
        How many displacements are computed at the same time.

    Returns
    -------
    modes
        Ritz vectors with wavenumbers and intensities.
    residuals
        How far each may be from a mode of the whole Hessian, cm^-1: the norm of :math:`Hv - \lambda v`, as a shift.
    """
    roots = np.sqrt(np.repeat(atoms.get_masses(), 3))
    space = np.linalg.qr(np.asarray(modes, float).reshape(len(modes), -1).T)[0].T
    cartesian = space / roots
    lengths = np.linalg.norm(cartesian, axis=1)
    directions = (cartesian / lengths[:, None]).reshape(len(space), -1, 3)
    slopes, dipoles = differences(atoms, directions, reference, displacement, folder, processes)
    internal = vibrational_space(atoms.positions, atoms.get_masses())
    slopes, dipoles = (slopes * lengths[:, None] / roots) @ internal @ internal.T, dipoles * lengths[:, None]
    projected = space @ slopes.T
    values, rotation = np.linalg.eigh((projected + projected.T) / 2)
    vectors = rotation.T @ space
    left = np.linalg.norm(rotation.T @ slopes - values[:, None] * vectors, axis=1)
    found = harmonic.Modes(
        frequencies=harmonic.wavenumbers(values),
        vectors=vectors.reshape(len(values), -1, 3),
        intensities=harmonic.INTENSITY * ((rotation.T @ dipoles) ** 2).sum(axis=1),
    )
    return found, harmonic.WAVENUMBER * left / (2 * np.sqrt(np.maximum(np.abs(values), 1e-12)))


def _minimum(atoms: Atoms) -> dict[str, float]:
    largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    return {"energy": float(atoms.get_potential_energy()), "residual_force": largest}


def _method(reference: Reference) -> str:
    return f"{reference.xc}{'-D4' if reference.dispersion else ''}/{reference.basis}"
