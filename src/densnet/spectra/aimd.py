"""The reference spectrum: ab initio trajectories through the same function as those of the model.

Sampled trajectories rotate and may be thermostatted, those of the model are neither. Rotation would split every band
into branches, so the dipole is taken in the molecule's own frame (Eckart's conditions, which the mass-weighted
superposition on the first frame fulfils) and the temperature is that of the vibrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError

from densnet.config import Campaign, Spectra
from densnet.dynamics.h5md import UNITS, Trajectory
from densnet.errors import DataError
from densnet.rigid import vibrational_space
from densnet.spectra.compare import superpose
from densnet.spectra.trajectories import spectrum_of

Named = list[tuple[str | Path, Trajectory]]

LINEAR = 0.3
"""u Å^2; a molecule with a smaller moment of inertia is linear but for its vibrations. Water has 0.6."""


def aimd_spectrum(
    paths: Sequence[str | Path],
    settings: Spectra,
    campaign: Campaign,
    **extra: Any,  # noqa: ANN401 - any JSON
) -> dict[str, Any]:
    """Return the spectrum of ab initio trajectories, and of each half of them.

    Parameters
    ----------
    paths
        ASE trajectories of one molecule (`densnet.reference.sampling`), one for each replica.
    settings
        Line width and window.
    campaign
        How they were run.
    extra
        Stored with the result (chain length ...).

    Returns
    -------
    dict
        As `densnet.spectra.trajectories.infrared_spectrum`, and ``halves``: the mean spectra (km/mol per cm^-1) of
        every other replica and of the rest, or of the first and the second half of a single one. How alike they are
        is as much as can be expected of another spectrum of this length. ``starts`` are ``positions`` (A, 3), Å, and
        ``velocities`` (A, 3), Å/fs, of the first frame of each replica.

    Raises
    ------
    DataError
        A trajectory that cannot be read (see `read`) or is too short.
    """
    named: Named = [(path, read(path, campaign)) for path in paths]
    halves = [spectrum_of(half, settings)["mean"] for half in split(named)]
    starts = [{"positions": run.position[0].tolist(), "velocities": run.velocity[0].tolist()} for _, run in named]
    return spectrum_of(named, settings, **extra) | {"halves": halves, "starts": starts}


def split(named: Named) -> tuple[Named, Named]:
    """Return two halves of trajectories: of their number, or of the time of a single one."""
    if len(named) > 1:
        return named[::2], named[1::2]
    [(path, whole)] = named
    middle = len(whole.dipole) // 2
    first, second = (
        replace(whole, **{name: getattr(whole, name)[part] for name in UNITS})
        for part in (slice(None, middle), slice(middle, None))
    )
    return [(path, first)], [(path, second)]


def read(path: str | Path, campaign: Campaign) -> Trajectory:
    """Read a sampled trajectory, in the frame of the molecule.

    Raises
    ------
    DataError
        The file is missing or damaged, its frames have no dipole or are not equally spaced, or the molecule is linear.
    """
    try:
        frames = ase.io.read(path, index=":")
        steps = np.array([frame.info["step"] for frame in frames])
        dipoles = np.array([frame.get_dipole_moment() for frame in frames])
        energies = np.array([frame.get_potential_energy() for frame in frames])
    except PropertyNotImplementedError as error:
        raise DataError(f"{path}: frames without a dipole ({error}); sample them with method: aimd") from None
    except Exception as error:  # each of ASE's readers raises what it likes
        raise DataError(f"{path}: not a sampled trajectory ({error}); delete it and run the sample rule") from None
    if len(steps) < 2 or np.any(np.diff(steps) != steps[1] - steps[0]):
        raise DataError(f"{path}: frames are not equally spaced in time; delete it and run the sample rule")
    if frames[0].get_moments_of_inertia()[0] < LINEAR:
        raise DataError(f"{path}: the bending of a linear molecule turns its own frame; leave spectra.reference out")
    return Trajectory(
        symbols=frames[0].get_chemical_symbols(),
        interval=float(steps[1] - steps[0]) * campaign.timestep,
        timestep=campaign.timestep,
        potential_energy=energies,
        parameters={"ensemble": campaign.ensemble},
        **_in_own_frame(frames, dipoles),
    )


def _in_own_frame(frames: Sequence[Atoms], dipoles: np.ndarray) -> dict[str, np.ndarray]:
    """Return what depends on the orientation, turned, and what the vibrations alone have of the kinetic energy."""
    masses, rows = frames[0].get_masses(), {name: [] for name in UNITS if name != "potential_energy"}
    roots = np.sqrt(masses)[:, None]
    for frame, dipole in zip(frames, dipoles, strict=True):
        turn = superpose(frame.positions, frames[0].positions, masses)
        space = vibrational_space(frame.positions, masses)
        vibration = space @ (space.T @ (frame.get_momenta() / roots).ravel())
        rows["position"].append((frame.positions - frame.get_center_of_mass()) @ turn)
        rows["velocity"].append(vibration.reshape(-1, 3) / roots @ turn * units.fs)
        rows["dipole"].append(dipole @ turn)
        rows["kinetic_energy"].append(frame.get_kinetic_energy())
        rows["temperature"].append(vibration @ vibration / (space.shape[1] * units.kB))
    return {name: np.array(values) for name, values in rows.items()}
