"""Harmonic infrared spectra from DFT: the whole Hessian, or mode tracking in the space of another method's modes.

Central differences of the analytic gradient and of the dipole along displacements, one file each, so that a killed job
continues where it stopped and one set of self-consistent fields serves wavenumbers and intensities alike. The whole
Hessian can be had from response theory instead (`densnet.reference.hessian`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.optimize import BFGS
from tqdm import tqdm

from densnet.checkpoints import read_npz, write_npz
from densnet.config import Harmonic, Reference
from densnet.errors import CalculationError
from densnet.files import atomic
from densnet.reference.calculator import ReferenceCalculator
from densnet.reference.hessian import analytic_hessian
from densnet.reference.xtb import xtb_calculator
from densnet.spectra import harmonic

log = logging.getLogger(__name__)

CONVERGED = 2e-2
"""eV/Angstrom, largest force on an atom of a minimum: the noise of a coarse grid. What is left is in the result."""
STEPS = 200
ATTEMPTS = 3
"""Saddle points that are left before one is accepted with a warning."""
SOFTEST = 2.0
"""eV/Angstrom^2, smallest curvature of the Hessian that a relaxation starts from."""
TIGHT = 1e-9
"""Hartree; differences of gradients need a tighter self-consistent field than gradients."""


def full_spectrum(
    atoms: Atoms,
    reference: Reference,
    settings: Harmonic,
    folder: str | Path,
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
            curvature, dipoles = hessian(atoms, reference, settings.displacement, folder)
        modes = harmonic.normal_modes(curvature, dipoles, atoms.positions, atoms.get_masses())
        if modes.frequencies[0] > harmonic.SADDLE:
            break
        log.warning("%s: saddle point (%.0f cm^-1), attempt %d", atoms.symbols, modes.frequencies[0], attempt + 1)
        if attempt < ATTEMPTS - 1:
            atoms = _left(harmonic.downhill(atoms, modes), reference, Path(folder) / f"minimum_{attempt}.traj")
    return harmonic.result(atoms, modes, method=_method(reference), **_minimum(atoms), **extra)


def _left(atoms: Atoms, reference: Reference, path: Path) -> Atoms:
    """Return the minimum below a saddle point; it is kept in a file, which a killed job takes it from."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            ase.io.write(temporary, relax(atoms, reference), format="traj")
    return ase.io.read(path)


def tracked_spectrum(
    atoms: Atoms,
    modes_at: Callable[[Atoms], harmonic.Modes],
    reference: Reference,
    settings: Harmonic,
    folder: str | Path,
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
    found, residuals = track(atoms, modes.vectors[chosen], reference, settings.displacement, folder)
    share = float(modes.intensities[chosen].sum() / modes.intensities.sum())
    log.info("%s: %d modes, %.1f %% of the model's intensity", atoms.symbols, len(chosen), 100 * share)
    tracked = {
        "frequencies": modes.frequencies[chosen].tolist(),
        "intensities": modes.intensities[chosen].tolist(),
        "modes": modes.vectors[chosen].tolist(),
    }
    return harmonic.result(
        atoms, found, method=f"{_method(reference)}, mode tracking", residuals=np.round(residuals, 3).tolist(),
        captured=share, model=tracked, **_minimum(atoms), **extra,
    )  # fmt: skip


def relax(atoms: Atoms, reference: Reference, fmax: float = CONVERGED) -> Atoms:
    """Return the minimum next to a structure, with energy and forces in its calculator's results.

    Quasi-Newton steps from the Hessian of GFN2-xTB, which take a third of the number of steps from a unit one.

    Parameters
    ----------
    atoms
        Start; it is not changed.
    reference
        Level of theory.
    fmax
        Largest force of a minimum, eV/Angstrom.

    Raises
    ------
    CalculationError
        When the forces do not become small enough.
    """
    relaxed = atoms.copy()
    relaxed.calc = InternalForces(reference, conv_tol=min(reference.conv_tol, TIGHT))
    optimizer = BFGS(relaxed, logfile=None, maxstep=0.1)
    optimizer.H0 = _stiffened(xtb_hessian(atoms))
    if not optimizer.run(fmax=fmax, steps=STEPS):
        left = np.linalg.norm(relaxed.get_forces(), axis=1).max()
        raise CalculationError(f"{atoms.symbols}: no DFT minimum after {STEPS} steps (largest force {left:.4f} eV/Å)")
    log.info("%s: minimum after %d steps", atoms.symbols, optimizer.nsteps)
    return relaxed


class InternalForces(ReferenceCalculator):
    """The reference method without the net force and torque that a finite grid leaves, on which nothing relaxes."""

    def calculate(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401, D102 - ASE's interface
        super().calculate(*arguments, **options)
        internal = harmonic.vibrational_space(self.atoms.positions, np.ones(len(self.atoms)))
        forces = self.results["forces"].ravel()
        self.results["forces"] = (internal @ (internal.T @ forces)).reshape(-1, 3)


def xtb_hessian(atoms: Atoms, displacement: float = 0.01) -> np.ndarray:
    """Return the GFN2-xTB Hessian (3 atoms, 3 atoms) by central differences, eV/Angstrom^2."""
    moved = atoms.copy()
    moved.calc = xtb_calculator()
    rows = []
    for step in np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3) * displacement:
        forces = []
        for sign in (1, -1):
            moved.positions = atoms.positions + sign * step
            forces.append(moved.get_forces().ravel())
        rows.append((forces[1] - forces[0]) / (2 * displacement))
    return (np.array(rows) + np.array(rows).T) / 2


def _stiffened(curvature: np.ndarray) -> np.ndarray:
    """Return a Hessian whose soft and negative curvatures are raised, so that a first step stays small."""
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    return (vectors * np.maximum(np.abs(values), SOFTEST)) @ vectors.T


def hessian(
    atoms: Atoms, reference: Reference, displacement: float, folder: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the Hessian (3 atoms, 3 atoms), eV/Angstrom^2, and the dipole derivatives (3 atoms, 3), e."""
    directions = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    slopes, dipoles = differences(atoms, directions, reference, displacement, folder)
    return (slopes + slopes.T) / 2, dipoles


def track(
    atoms: Atoms, modes: np.ndarray, reference: Reference, displacement: float, folder: str | Path
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
    slopes, dipoles = differences(atoms, directions, reference, displacement, folder)
    internal = harmonic.vibrational_space(atoms.positions, atoms.get_masses())
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


def differences(
    atoms: Atoms, directions: np.ndarray, reference: Reference, displacement: float, folder: str | Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of gradient and dipole along unit vectors by central differences.

    Parameters
    ----------
    atoms
        Where.
    directions
        (directions, atoms, 3) Cartesian unit vectors.
    reference
        Level of theory.
    displacement
        Angstrom.
    folder
        Where finished displacements are kept, one file each.

    Returns
    -------
    slopes
        (directions, 3 atoms), eV/Angstrom^2.
    dipoles
        (directions, 3), e.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    calculator = ReferenceCalculator(reference, conv_tol=min(reference.conv_tol, TIGHT))
    start: list[np.ndarray] | None = None
    rows = []
    for direction in tqdm(directions, desc=f"displacements of {atoms.symbols}", unit="mode", disable=None):
        key = _key(atoms.positions, direction, reference, displacement)
        row = read_npz(folder / f"{key[:16]}.npz", key)
        if row is None:
            start = start or _density_at(atoms, calculator)
            row = _displaced(atoms, direction * displacement, calculator, start)
            write_npz(folder / f"{key[:16]}.npz", key, **row)
        rows.append(row)
    slopes = np.array([(row["forces"][1] - row["forces"][0]).ravel() for row in rows]) / (2 * displacement)
    return slopes, np.array([row["dipole"][0] - row["dipole"][1] for row in rows]) / (2 * displacement)


def _density_at(atoms: Atoms, calculator: ReferenceCalculator) -> list[np.ndarray]:
    """Return the calculator's state after a structure: every displacement starts from it, whichever came before."""
    calculator.restore([])
    calculator.get_potential_energy(atoms.copy())
    return calculator.state()


def _displaced(
    atoms: Atoms, step: np.ndarray, calculator: ReferenceCalculator, start: list[np.ndarray]
) -> dict[str, np.ndarray]:
    forces, dipoles = [], []
    calculator.restore(start)
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions = atoms.positions + sign * step
        forces.append(calculator.get_forces(moved))
        dipoles.append(calculator.get_dipole_moment(moved))
        calculator.restore(calculator.state()[::-1])  # from there through the start: the other side is extrapolated
    return {"forces": np.array(forces), "dipole": np.array(dipoles)}


def _minimum(atoms: Atoms) -> dict[str, float]:
    largest = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    return {"energy": float(atoms.get_potential_energy()), "residual_force": largest}


def _method(reference: Reference) -> str:
    return f"{reference.xc}{'-D4' if reference.dispersion else ''}/{reference.basis}"


def _key(*parts: Any) -> str:  # noqa: ANN401 - arrays, sections and numbers
    """Return a fingerprint of what a stored displacement depends on."""

    def plain(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, np.ndarray):
            return part.tolist()
        return part.level() if isinstance(part, Reference) else part

    return sha256(json.dumps([plain(part) for part in parts]).encode()).hexdigest()
