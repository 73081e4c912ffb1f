"""Harmonic infrared spectrum of a trained model at its own minimum."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import BFGS

from densnet.dynamics.admission import admit
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.dynamics.guard import Guard
from densnet.errors import SimulationError
from densnet.models.densnet import DenSNet
from densnet.spectra import harmonic
from densnet.symmetry import symmetric

log = logging.getLogger(__name__)

CONVERGED = 2e-3
"""eV/Å, largest force of a minimum. Below it single precision begins to show."""
STEPS = 2000
ROUNDED = 1e-3
"""Å, within which single precision leaves the symmetry of a minimum."""
FASTEST = 4500.0
"""cm^-1; hydrogen itself vibrates at 4401, nothing faster."""
NEARLY = 0.2
"""Å, how far a start may be from a symmetry that is tried."""


def minimise(atoms: Atoms, fmax: float = CONVERGED, steps: int = STEPS) -> None:
    """Relax a structure that has a calculator, in place.

    Raises
    ------
    SimulationError
        The largest force is not below ``fmax`` (eV/Å) after ``steps`` steps.
    """
    optimizer = BFGS(atoms, logfile=None, maxstep=0.1)
    if not optimizer.run(fmax=fmax, steps=steps):
        left = np.linalg.norm(atoms.get_forces(), axis=1).max()
        raise SimulationError(
            f"{atoms.symbols}: no minimum after {steps} steps (largest force {left:.4f} eV/Å, wanted {fmax:g}); "
            "start from a better geometry or train the model further"
        )


def modes_at(model: DenSNet, atoms: Atoms) -> harmonic.Modes:
    """Return the model's normal modes and infrared intensities at a structure, a minimum or not.

    Raises
    ------
    ModelError
        The structure is none that models serve, or a single atom.
    """
    admit(atoms, vibrating=True)
    calculator = DenSNetCalculator(model)
    curvature, dipoles = calculator.get_hessian(atoms), calculator.get_dipole_derivatives(atoms)
    return harmonic.normal_modes(curvature, dipoles, atoms.positions, atoms.get_masses())


def harmonic_spectrum(model: DenSNet, atoms: Atoms, /, attempts: int = 4, **extra: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the model's normal modes and infrared intensities at the minimum next to a structure.

    Parameters
    ----------
    model
        Density and energy networks.
    atoms
        Where the search for the minimum starts. It is not changed, and its constraints are not obeyed. A copy is given
        the symmetry that it nearly has, which is lost again where that leads to a saddle point; long chains are so soft
        that none would find theirs. The result is in the principal axes of the start.
    attempts
        How often a saddle point is left along its mode of negative curvature before it is accepted with a warning.
    extra
        Stored with the result.

    Returns
    -------
    dict
        As `densnet.spectra.harmonic.result`, with energy (eV) and the largest residual force (eV/Å).

    Raises
    ------
    ModelError
        The start is none that models serve, or a single atom.
    SimulationError
        No minimum was found, or a bond broke on the way to it.
    """
    admit(atoms, vibrating=True)
    guard = Guard(atoms)
    atoms = symmetric(atoms, NEARLY)[0]
    atoms.set_constraint()  # of a minimum, all forces vanish
    atoms.calc = DenSNetCalculator(model)
    for attempt in range(attempts):
        minimise(atoms)
        atoms.positions = symmetric(atoms, ROUNDED)[0].positions
        if complaint := guard.complaint(atoms.positions, atoms.get_forces()):
            raise SimulationError(
                f"{atoms.symbols}: {complaint} at the model's minimum; the model is outside what it was trained on"
            )
        modes = modes_at(model, atoms)
        lowest = modes.frequencies[0]
        if lowest > harmonic.SADDLE or attempt == attempts - 1:
            break
        log.info("%s: saddle point (%.0f cm^-1); following its mode down", atoms.symbols, lowest)
        atoms.positions = harmonic.downhill(atoms, modes).positions
    if lowest < harmonic.SADDLE:
        log.warning("%s: still a saddle point (%.0f cm^-1) after %d attempts", atoms.symbols, lowest, attempts)
    if (highest := modes.frequencies[-1]) > FASTEST:
        log.warning(
            "%s: a mode at %.0f cm^-1, faster than any molecule vibrates; the model is outside what it was trained on",
            atoms.symbols, highest,
        )  # fmt: skip
    energy = float(atoms.get_potential_energy())
    force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    return harmonic.result(atoms, modes, method="DenSNet", energy=energy, residual_force=force, **extra)
