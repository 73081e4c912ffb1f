"""What a trajectory starts from, and whether it is there already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from densnet.config import Simulation
from densnet.dynamics import h5md
from densnet.dynamics.admission import admit
from densnet.errors import DataError

ELSEWHERE = {"lengths", "replicas", "batch"}
"""Settings of a simulation that a single trajectory does not depend on."""


@dataclass(frozen=True)
class Start:
    """What a trajectory starts from, and where it goes.

    Attributes
    ----------
    atoms
        Start.
    seed
        Of velocities and thermostat.
    out
        The trajectory, ``NAME.h5``.
    velocities
        (A, 3) Å/fs to start with; by default drawn from the Maxwell-Boltzmann distribution. Either way linear and
        angular momentum are taken out.
    parameters
        Stored with the trajectory beside settings and provenance.

    Raises
    ------
    DataError
        ``out`` is a folder, or does not end in ``.h5``.
    ModelError
        The atoms are none that models serve, or a single one.
    """

    atoms: Atoms
    seed: int
    out: Path
    velocities: ArrayLike | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.out.is_dir():
            raise DataError(f"{self.out}: is a folder; name the trajectory in it, NAME.h5")
        if self.out.suffix != ".h5":
            raise DataError(f"{self.out}: trajectories are HDF5 files; give a name that ends in .h5")
        admit(self.atoms, f"start of {self.out}", vibrating=True)

    def fingerprint(self, simulation: Simulation, model: str) -> str:
        """Return the hash of everything the trajectory depends on, ``model`` being that of the model."""
        settings = simulation.model_dump(exclude=ELSEWHERE)
        parts = [settings, self.atoms.get_chemical_symbols(), self.seed, model]
        arrays = [self.atoms.positions, self.atoms.get_masses()]
        arrays += [] if self.velocities is None else [np.asarray(self.velocities, float)]
        return hashlib.sha256(json.dumps(parts).encode() + b"".join(map(np.ndarray.tobytes, arrays))).hexdigest()

    def is_complete(self, simulation: Simulation, model: str) -> bool:
        """Return whether the trajectory is there; raise `DataError` where the file is anything else."""
        if not self.out.exists():
            return False
        parameters = h5md.read(self.out, coordinates=False).parameters
        if parameters.get("fingerprint") != self.fingerprint(simulation, model):
            raise DataError(
                f"{self.out}: exists, from other settings, another start, seed or model; delete it or give another -o"
            )
        return True

    def beside(self, suffix: str) -> Path:
        """Return the name of a file that goes with this trajectory alone: its whole name, and a suffix."""
        return self.out.with_name(self.out.name + suffix)
