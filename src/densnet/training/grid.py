"""Last phase of the density network: the integrated absolute error of the density itself, on points of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.units import Bohr
from torch import Tensor
from tqdm import tqdm

from densnet.config import GridTraining, Reference
from densnet.dataset import Dataset
from densnet.files import sha256
from densnet.frames import FrameSet
from densnet.models.density import DensityNetwork, Expansion, dipole_moments
from densnet.models.graph import Graph, build_graph
from densnet.models.points import PointDensity
from densnet.prior import FreeAtoms
from densnet.seeds import seed as derived
from densnet.training.density import KIND, load_density, save_density
from densnet.training.density_loss import DensityStage
from densnet.training.processes import side_by_side
from densnet.training.stopwatch import Stopwatch
from densnet.training.task import Task
from densnet.training.trainer import train

POWER = 2 / 3
"""Of the density, by which points are drawn: the integrated error of the free atoms comes out with half the variance
that the root gives."""


@dataclass(frozen=True)
class GridFrame:
    """One frame: structure, dipole (1, 3) in e Angstrom, and its density difference on points.

    ``points`` (P, 3) in Angstrom, ``target`` (P,) in e/bohr^3, ``weights`` (P,) of a quadrature that gives percent of
    the electrons.
    """

    graph: Graph
    dipole: Tensor
    points: Tensor
    target: Tensor
    weights: Tensor

    def to(self, device: str) -> GridFrame:
        """Return the frame on another device."""
        return GridFrame(*(getattr(self, field.name).to(device) for field in fields(self)))


class GridStage(DensityStage):
    """Densities compare on points: the integrated absolute difference, in percent of the electrons."""

    column = "density_error_percent"

    def __init__(
        self,
        train: list[GridFrame],
        validation: list[GridFrame],
        moments: list[Tensor],
        elements: Sequence[str],
        dipole_weight: float,
        density: PointDensity,
    ) -> None:
        super().__init__(train, validation, moments, elements, dipole_weight)
        self.density = density

    def density_errors(self, graph: Graph, frames: Sequence[GridFrame], expansion: Expansion) -> Tensor:
        """Return the error of each frame."""
        sizes = [self.density.layout.total(frame.graph) for frame in frames]
        coefficients = expansion.coefficients.split(sizes)
        logarithms = expansion.logarithms.split(sizes) if len(expansion.logarithms) else repeat(expansion.logarithms)
        errors = []
        for frame, *parts in zip(frames, coefficients, logarithms, strict=False):
            found = self.density(frame.graph, Expansion(*parts), frame.points)
            errors.append((found - frame.target).abs() @ frame.weights)
        return torch.stack(errors)


def train_grid(task: Task, density_path: Path, reference: Reference, training: GridTraining) -> None:
    """Train a density network on, on the DFT densities of its training frames.

    A flexible basis (`densnet.models.flexible`) is learned here and nowhere else.

    Parameters
    ----------
    task
        Frames, with the density matrices of those of training and validation, and where the network goes.
    density_path
        Density network trained on the coefficients; it stays as it is.
    reference
        Level of theory of the labels.
    training
        Points and optimisation.

    Raises
    ------
    DataError
        The dataset has no densities of training or validation frames, or another basis or prior than the network.
    """
    side_by_side(training.processes, task.device, _train, task, density_path, reference, training)


def _train(device: str, task: Task, density_path: Path, reference: Reference, training: GridTraining) -> None:
    stopwatch, dataset = Stopwatch(), task.open()
    network, basis, free_atoms, before = load_density(density_path)
    task.check(density_path, basis, free_atoms, dataset)
    fingerprint = task.fingerprint(training.fingerprint(), sha256(density_path))
    if task.is_done(KIND, "grid", fingerprint):
        return
    if training.flexible:
        network.make_flexible()
    network = network.to(device).requires_grad_(True)
    stage = _stage(network, dataset, reference, training, task.seed, device)
    title = "density network on the grid"
    rows = train(network, stage, training, task.seed, task.checkpoint, fingerprint, title, stopwatch)

    def save(metadata: dict[str, Any]) -> None:
        save_density(task.out, network.cpu(), basis, free_atoms, before | {"grid": metadata})

    task.keep(rows, dataset, training, fingerprint, stopwatch.seconds, save)


def _stage(
    network: DensityNetwork, dataset: Dataset, reference: Reference, training: GridTraining, seed: int, device: str
) -> GridStage:
    dataset.require_densities()
    split = {
        name: [
            frame.to(device)
            for _, frames in dataset.of(name)
            for frame in grid_frames(frames, network, dataset.free_atoms, reference, training, seed)
        ]
        for name in ("train", "validation")
    }
    moments = [moment.to(device) for moment in dipole_moments(dataset.basis, network.elements)]
    density = PointDensity(network, dataset.basis).to(device)
    return GridStage(split["train"], split["validation"], moments, network.elements, training.dipole_weight, density)


def grid_frames(
    frames: FrameSet,
    network: DensityNetwork,
    free_atoms: FreeAtoms,
    reference: Reference,
    training: GridTraining,
    seed: int,
) -> list[GridFrame]:
    """Return the frames whose density matrices were kept, with their densities on points drawn from the Becke grid.

    A point is drawn with a probability proportional to its weight and to a power of the density: errors are large where
    the density is, but less than in proportion to it. The few points of negative weight are left out.
    """
    from ase import Atoms
    from pyscf import lib

    from densnet.reference.grid_errors import becke, orbital_densities
    from densnet.reference.method import molecule

    made, symbols = [], list(frames.symbols)
    pairs = zip(frames.density_matrix, frames.density_matrix_frame, strict=True)
    for packed, k in tqdm(pairs, total=len(frames.density_matrix), desc="densities on the grid", disable=None):
        mol = molecule(Atoms(symbols, frames.positions[k]), reference)
        grids = becke(mol, training.level)
        whole = orbital_densities(mol, grids, lib.unpack_tril(np.asarray(packed, dtype=float)))[0]
        chance = grids.weights.clip(min=0) * np.abs(whole) ** POWER
        chance /= chance.sum()
        rng = np.random.default_rng(derived(seed, "grid", frames.names[k]))
        chosen = rng.choice(len(chance), training.points, p=chance)
        points = grids.coords[chosen] * Bohr
        target = whole[chosen] - free_atoms.density(symbols, frames.positions[k], points) * Bohr**3
        weights = 100 * grids.weights[chosen] / (training.points * chance[chosen] * mol.nelectron)
        made.append(
            GridFrame(
                build_graph([(symbols, frames.positions[k])], network.elements, network.config.cutoff),
                torch.as_tensor(frames.dipole[k : k + 1]),
                torch.as_tensor(points),
                torch.as_tensor(target, dtype=torch.float32),
                torch.as_tensor(weights, dtype=torch.float32),
            )
        )
    return made
