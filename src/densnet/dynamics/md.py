"""Molecular dynamics with a trained model: thermalise with Langevin, then run undisturbed and record."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from densnet.config import Simulation
from densnet.dynamics import h5md
from densnet.dynamics.field import ForceField, ModelField, together
from densnet.dynamics.origin import origins, warn_beyond_training
from densnet.dynamics.replica import Plan, Replica, Start
from densnet.errors import DataError
from densnet.models.compiled import CompiledModel

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

    Model = DenSNet | Ensemble | CompiledModel

log = logging.getLogger(__name__)

CHECKPOINT = 500
"""Steps between checkpoints."""
COMPILED = 20_000
"""Steps from which on compiling the model pays, where the simulation does not say."""


def run(
    model: DenSNet | Ensemble | ForceField,
    atoms: Atoms,
    simulation: Simulation,
    seed: int,
    out: str | Path,
    *,
    velocities: ArrayLike | None = None,
    fingerprint: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> h5md.Trajectory:
    """Run one trajectory and write it as H5MD.

    Parameters
    ----------
    model, simulation, fingerprint
        See `run_together`.
    atoms, seed, out, velocities, parameters
        See `densnet.dynamics.replica.Start`.
    """
    start = Start(atoms, seed, Path(out), velocities, parameters or {})
    return run_together(model, [start], simulation, fingerprint=fingerprint)[0]


def run_together(
    model: DenSNet | Ensemble | ForceField,
    starts: Sequence[Start],
    simulation: Simulation,
    *,
    fingerprint: str | None = None,
) -> list[h5md.Trajectory]:
    """Run several trajectories of one molecule step by step together, and write each as H5MD.

    A step of several small molecules takes less than as many steps of one. A killed run continues from its last
    checkpoints (``<out>.part/``, removed at the end) and gives, bit for bit, what the unbroken run would have given.
    A trajectory that is there already, of the same settings, start, seed and model, is not run again.

    Parameters
    ----------
    model
        A trained model, an ensemble, or any function of positions that returns energy, forces and dipole.
    starts
        Start of each; their atoms are the same, in the same order.
    simulation
        Times, temperature and friction.
    fingerprint
        Identifies the model, so that neither checkpoints nor trajectories of another one are taken for its own; by
        default the hash of its weights, which of functions is the same for all.

    Raises
    ------
    ConfigError
        A largest deviation is asked for, and there is no ensemble that deviates.
    DataError
        A file to write is there already, and is not this trajectory.
    ModelError
        Energy, forces or dipole of a start are not finite.
    SimulationError
        A bond broke, the temperature ran away, the models of an ensemble disagree, or numbers stopped being finite. The
        last good geometry and the frames up to it are saved.
    """
    done = complete(model, starts, simulation, fingerprint=fingerprint)
    identity = _identity(model, fingerprint)
    replicas = [Replica(start, simulation, identity, len(starts), origins(model)) for start in starts]
    if left := [replica for replica, there in zip(replicas, done, strict=True) if not there]:
        warn_beyond_training(model, starts[0].atoms)
        field = _field(model, starts[0].atoms.get_chemical_symbols(), simulation)
        _begin_or_resume(left, field)
        _propagate(left, field)
    trajectories = [replica.finish() if replica in left else h5md.read(replica.start.out) for replica in replicas]
    for replica in replicas:  # not before all are written: a disk that fills up must not cost those that were not
        replica.checkpoints.clear()
    for start, found, there in zip(starts, trajectories, done, strict=True):
        what = "complete already, not run again: " if there else ""
        log.info("%s: %s%d frames, %.0f K", start.out, what, len(found.dipole), found.temperature.mean())
    return trajectories


def complete(
    model: DenSNet | Ensemble | ForceField,
    starts: Sequence[Start],
    simulation: Simulation,
    *,
    fingerprint: str | None = None,
) -> list[bool]:
    """Return which trajectories are there already; raise `DataError` where a file to write is something else.

    Arguments as in `run_together`.
    """
    identity = _identity(model, fingerprint)
    return [start.is_complete(simulation, identity) for start in starts]


def keep_unfinished(
    model: DenSNet | Ensemble | ForceField, starts: Sequence[Start], simulation: Simulation, batch: int
) -> None:
    """Raise `DataError` where running these starts, ``batch`` at a time, would cost what another run has so far."""
    identity = _identity(model, None)
    for first in range(0, len(starts), batch):
        for start in (company := starts[first : first + batch]):
            checkpoints = Replica(start, simulation, identity, len(company)).checkpoints
            if checkpoints.foreign:
                raise DataError(
                    f"{checkpoints.folder}: an unfinished trajectory of other settings, another start, seed, model or "
                    "batch; finish it by the command that began it, delete it, or give another -o"
                )


def prepared(model: Model, simulation: Simulation) -> Model:
    """Return the model as `run_together` uses it: compiled, where that is asked for or pays.

    By the length of the whole run: one that resumes shortly before its end goes on with the same digits.
    """
    pays = Plan.of(simulation).steps >= COMPILED if simulation.compile is None else simulation.compile
    return CompiledModel(model) if pays and not isinstance(model, CompiledModel) else model


def _field(model: Model | ForceField, symbols: list[str], simulation: Simulation) -> ForceField:
    return ModelField(prepared(model, simulation), symbols) if hasattr(model, "properties") else model


def _begin_or_resume(replicas: list[Replica], field: ForceField) -> None:
    """Put all replicas at the last step that each of them has a checkpoint of, or at the start."""
    common = min(replica.checkpoints.last for replica in replicas)
    if not all([replica.resume(common) for replica in replicas]):
        points = together(field, [replica.start.atoms.get_positions() for replica in replicas])
        for replica, point in zip(replicas, points, strict=True):
            replica.checkpoints.clear()
            replica.pieces = []
            replica.begin(point)
    for replica in replicas:
        replica.watch()


def _propagate(replicas: list[Replica], field: ForceField) -> None:
    plan, done = replicas[0].plan, replicas[0].state.step
    pace = replicas[0].simulation.timestep * 0.0864 * len(replicas)
    title = " ".join(replica.start.out.stem for replica in replicas)
    with tqdm(total=plan.steps, initial=done, desc=title, unit="step", disable=None, mininterval=1) as bar:
        for step in range(done + 1, plan.steps + 1):
            points = together(field, [replica.propose() for replica in replicas])
            for replica, point in zip(replicas, points, strict=True):
                replica.accept(point)
            bar.update()
            if step % CHECKPOINT == 0 or step == plan.steps:
                for replica in replicas:
                    replica.save()
                bar.set_postfix_str(f"{(bar.format_dict['rate'] or 0.0) * pace:.3g} ns/day")


def _identity(model: DenSNet | Ensemble | ForceField, fingerprint: str | None) -> str:
    """Return what identifies a model: the fingerprint given, or the hash of its weights."""
    if fingerprint is not None:
        return fingerprint
    digest = hashlib.sha256()
    for name, values in getattr(model, "state_dict", dict)().items():
        digest.update(name.encode() + values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
