"""Several models as one: their mean, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from densnet.errors import ModelError
from densnet.files import sha256
from densnet.models.densnet import DenSNet
from densnet.models.graph import Graph, build_graph
from densnet.models.store import SHIPPED, SUFFIX


class Ensemble(nn.Module):
    """Models of the same elements, auxiliary basis and free atoms, trained from different random weights or frames.

    It is used like a `DenSNet`. Every result is the mean over the models, so forces are the derivatives of the energy
    and the dipole is that of the density.

    Parameters
    ----------
    models
        At least two.

    Raises
    ------
    ModelError
        Fewer than two models, models that describe the density in different bases, or the same weights twice.
    """

    def __init__(self, models: Sequence[DenSNet]) -> None:
        super().__init__()
        if len(models) < 2:
            raise ModelError(f"an ensemble of {len(models)} model(s): name at least two, a deviation needs them")
        first = models[0]
        for number, model in enumerate(models[1:], start=2):
            same = model.elements == first.elements  # in one order: atoms are known by the number of their element
            if not same or model.basis != first.basis or model.free_atoms != first.free_atoms:
                raise ModelError(
                    f"model {number} of the ensemble has another auxiliary basis, elements in another order or other "
                    "free atoms than the first; train all of them on one dataset"
                )
        if any(model.density.exponent_scaling for model in models):
            raise ModelError(
                "an ensemble of models with flexible bases has no common coefficients: train without "
                "grid_training.flexible"
            )
        for (one, this), (other, that) in combinations(enumerate(models, start=1), 2):
            if _same(this, that):
                raise ModelError(
                    f"models {one} and {other} of the ensemble have the same weights and never deviate; name models "
                    "trained with different seeds"
                )
        self.models = nn.ModuleList(models)
        self.basis, self.free_atoms, self.elements = first.basis, first.free_atoms, first.elements
        self.cutoff, self.near = max(model.cutoff for model in models), min(model.near for model in models)

    def graph(self, frames: Sequence[tuple[Sequence[str], np.ndarray]]) -> Graph:
        """Return the graph of frames, as `DenSNet.graph` does."""
        return build_graph(frames, self.elements, self.cutoff, self.near).to(self.models[0].free_energy.device)

    def properties(self, graph: Graph, forces: bool = True) -> dict[str, Tensor]:
        """Return the means of what `DenSNet.properties` returns, standard deviations, and ``members``.

        ``energy_std`` (n_frames,), ``forces_std`` (atoms, 3) and ``dipole_std`` (n_frames, 3) are those of each number
        over the models, unbiased; ``members`` (models, functions) are the coefficients of each model.
        """
        found = [model.properties(graph, forces) for model in self.models]
        each = {name: torch.stack([one[name] for one in found]) for name in found[0]}
        means = {name: values.mean(0) for name, values in each.items()}
        members = each.pop("coefficients")
        each.pop("logarithms")
        return means | {f"{name}_std": values.std(0) for name, values in each.items()} | {"members": members}

    def hessian(self, graph: Graph) -> Tensor:
        """Return the mean Hessian; see `DenSNet.hessian`."""
        return torch.stack([model.hessian(graph) for model in self.models]).mean(0)

    def dipole_derivatives(self, graph: Graph) -> Tensor:
        """Return the mean derivatives of the dipole; see `DenSNet.dipole_derivatives`."""
        return torch.stack([model.dipole_derivatives(graph) for model in self.models]).mean(0)


def load_models(paths: Sequence[str | Path], device: str | torch.device = "cpu") -> DenSNet | Ensemble:
    """Return the model in a file, or the ensemble of those in several; raise `ModelError` when one is unusable.

    Each single model keeps the name and the SHA-256 of its file as ``model.file``.
    """
    models = [DenSNet.load(path, device) for path in paths]
    for model, path in zip(models, paths, strict=True):
        found = path if Path(path).is_file() else SHIPPED / f"{path}{SUFFIX}"
        model.file = {"file": str(path), "sha256": sha256(found)}
    return models[0] if len(models) == 1 else Ensemble(models)


def _same(one: DenSNet, other: DenSNet) -> bool:
    """Return whether two models have the same weights; that they have not shows at the first that differs."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].cpu(), theirs[name].cpu()) for name in ours)
