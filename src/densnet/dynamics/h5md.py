"""Trajectories in H5MD 1.1 (de Buyl, Colberg and Hoefling, 2014), the HDF5 layout MDAnalysis and VMD read."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

import densnet
from densnet.errors import DataError
from densnet.files import atomic

PARTICLES, OBSERVABLES, PARAMETERS = "particles/molecule", "observables", "parameters"
UNITS = {
    "position": "Angstrom",
    "velocity": "Angstrom fs-1",
    "dipole": "e Angstrom",
    "potential_energy": "eV",
    "kinetic_energy": "eV",
    "temperature": "K",
}


@dataclass(frozen=True)
class Trajectory:
    """A trajectory and how it came about; frames are equally spaced in time.

    Attributes
    ----------
    symbols
        Chemical symbols of the A atoms.
    interval, timestep
        fs between frames, and of the integrator.
    position, velocity
        (T, A, 3) Å and Å/fs, float32; empty when read without coordinates.
    dipole
        (T, 3) e Å.
    potential_energy, kinetic_energy, temperature
        (T,) eV, eV, K.
    parameters
        Settings and provenance, anything JSON holds.
    mass
        (A,) u, where they are not the standard ones of the elements; see ``masses``.
    """

    symbols: list[str]
    interval: float
    timestep: float
    position: NDArray[np.float32]
    velocity: NDArray[np.float32]
    dipole: NDArray[np.float64]
    potential_energy: NDArray[np.float64]
    kinetic_energy: NDArray[np.float64]
    temperature: NDArray[np.float64]
    parameters: dict[str, Any] = field(default_factory=dict)
    mass: NDArray[np.float64] | None = None

    @property
    def masses(self) -> NDArray[np.float64]:
        """Masses of the atoms (A,), u."""
        standard = atomic_masses[[atomic_numbers[symbol] for symbol in self.symbols]]
        return standard if self.mass is None else self.mass

    @property
    def time(self) -> NDArray[np.float64]:
        """Time of each frame (T,), fs."""
        return self.interval * np.arange(len(self.dipole))

    def drift(self) -> float:
        """Return the slope of the total energy, meV per atom and ps."""
        total = self.potential_energy + self.kinetic_energy
        if len(total) < 2:
            return 0.0
        return float(np.polyfit(self.time / 1e3, total - total[0], 1)[0] * 1e3 / len(self.symbols))

    def atoms(self, frame: int) -> Atoms:
        """Return one frame as an ASE structure."""
        return Atoms(self.symbols, self.position[frame].astype(float), masses=self.mass)


def write(path: str | Path, trajectory: Trajectory) -> None:
    """Write a trajectory; the file appears when it is whole."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        _write_header(file, trajectory)
        molecule = file.create_group(PARTICLES)
        molecule["species"] = np.array([atomic_numbers[symbol] for symbol in trajectory.symbols], np.int32)
        molecule["mass"] = trajectory.masses
        molecule["mass"].attrs["unit"] = "u"
        box = molecule.create_group("box")
        box.attrs.update({"dimension": 3, "boundary": ["none"] * 3})
        for name in ("position", "velocity"):
            _write_element(molecule, name, trajectory)
        observables = file.create_group(OBSERVABLES)
        for name in ("dipole", "potential_energy", "kinetic_energy", "temperature"):
            _write_element(observables, name, trajectory)


def _write_header(file: h5py.File, trajectory: Trajectory) -> None:
    head = file.create_group("h5md")
    head.attrs["version"] = np.array([1, 1], np.int32)
    head.create_group("author").attrs["name"] = "densnet"
    head.create_group("creator").attrs.update({"name": "densnet", "version": densnet.__version__})
    settings = file.create_group(PARAMETERS)
    settings.attrs.update({"interval_fs": trajectory.interval, "timestep_fs": trajectory.timestep})
    settings["settings"] = json.dumps(trajectory.parameters)


def _write_element(group: h5py.Group, name: str, trajectory: Trajectory) -> None:
    """Write one time-dependent quantity; steps and times are explicit, because MDAnalysis reads no other form."""
    element = group.create_group(name)
    element["value"] = getattr(trajectory, name)
    element["value"].attrs["unit"] = UNITS[name]
    element["step"] = np.rint(trajectory.time / trajectory.timestep).astype(np.int64)
    element["time"] = trajectory.time
    element["time"].attrs["unit"] = "fs"


def read(path: str | Path, *, coordinates: bool = True) -> Trajectory:
    """Read a trajectory; without ``coordinates`` only what depends on no single atom.

    Raises
    ------
    DataError
        The file is missing, damaged, or not one of ours.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such trajectory")
    try:
        with h5py.File(path, "r") as file:
            return _read(file, coordinates)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: not a trajectory, or a damaged one ({error}); name one that dynamics has written, or run that "
            "of this one again"
        ) from None


def _read(file: h5py.File, coordinates: bool) -> Trajectory:
    molecule, observables, settings = file[PARTICLES], file[OBSERVABLES], file[PARAMETERS]
    symbols = Atoms(molecule["species"][()]).get_chemical_symbols()
    nothing = np.empty((0, len(symbols), 3), np.float32)
    vectors = {name: molecule[name]["value"][()] if coordinates else nothing for name in ("position", "velocity")}
    scalars = {name: observables[name]["value"][()] for name in UNITS if name in observables}
    return Trajectory(
        symbols=symbols,
        interval=float(settings.attrs["interval_fs"]),
        timestep=float(settings.attrs["timestep_fs"]),
        parameters=json.loads(settings["settings"][()]),
        mass=molecule["mass"][()] if "mass" in molecule else None,
        **vectors,
        **scalars,
    )
