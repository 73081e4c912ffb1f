"""Energy, forces and dipole of one molecule as one compiled function, for dynamics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from densnet.errors import ModelError
from densnet.models.graph import Graph
from densnet.models.memory import keep_freed_memory
from densnet.models.phisnet import PhiSNet

if TYPE_CHECKING:
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

log = logging.getLogger(__name__)

Function = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]

WIDTH = 4
"""Neighbour lists are padded to a multiple of this: a molecule meets only one or two widths while it moves, and of the
neighbours of twelve thiophene rings, 17 at most, few more are computed than there are."""
TOLERANCE = 1e-4
"""Largest difference to the model as it is (eV, eV/Angstrom, e Angstrom), times the largest value from one to ten."""


class CompiledModel:
    """A model whose `properties` are compiled for the molecules it is asked about, and otherwise the same.

    The derivative is part of what is compiled: the function that returns energy and forces is traced into plain tensor
    operations, which the compiler fuses. Shapes are static, so every composition and every width of its neighbour lists
    has its own function, made when it first comes up (a minute or two; the compiler keeps its kernels for later runs).
    Which one is used follows from the positions alone: a resumed run gives the same bits.

    A function that cannot be compiled (no C++ compiler; ``trunk: phisnet``, whose shapes follow from the positions), or
    that does not reproduce the model, is logged, and the model is used as it is.

    Parameters
    ----------
    model
        A trained model or an ensemble.
    """

    def __init__(self, model: DenSNet | Ensemble) -> None:
        self.model = model
        self.functions: dict[tuple[Any, ...], Function | None] = {}
        keep_freed_memory()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights of the model."""
        return self.model.state_dict()

    def graph(self, frames: Sequence[tuple[Sequence[str], np.ndarray]]) -> Graph:
        """Return the graph of frames; see `DenSNet.graph`."""
        return self.model.graph(frames)

    def properties(self, graph: Graph) -> dict[str, Tensor]:
        """Return what `DenSNet.properties` returns."""
        padded = graph.padded(WIDTH)
        atoms = (graph.species.cpu().numpy().tobytes(), graph.frame.cpu().numpy().tobytes())
        key = (*atoms, padded.near, padded.neighbours.shape[1])
        if key not in self.functions:
            self.functions[key] = self._compile(padded)
        function = self.functions[key]
        return self.model.properties(graph) if function is None else _call(function, padded)

    def _compile(self, graph: Graph) -> Function | None:
        """Return the function for graphs of one shape, or None where the model is better used as it is."""
        atoms = f"{len(graph.species)} atoms"
        log.info("compiling the model for %s in %d frame(s)", atoms, graph.n_frames)
        expected = self.model.properties(graph)  # leaves what follows from the species in the memo of the graph
        try:
            function = _compiled(self.model, graph)
            found = _call(function, graph)
        except Exception as error:
            log.warning("not compiled for %s, slower: %s", atoms, str(error).strip().split("\n")[0])
            return None
        if wrong := [name for name, values in expected.items() if _differ(values, found[name])]:
            log.warning("compiled %s of %s are not those of the model; not used", ", ".join(wrong), atoms)
            return None
        return function


def _compiled(model: DenSNet | Ensemble, graph: Graph) -> Function:
    if any(isinstance(module, PhiSNet) for module in model.modules()):
        raise ModelError("trunk: phisnet has tensors whose shapes follow from the positions")

    def properties(positions: Tensor, neighbours: Tensor, present: Tensor) -> dict[str, Tensor]:
        return model.properties(replace(graph, positions=positions, neighbours=neighbours, present=present))

    traced = make_fx(properties)(graph.positions, graph.neighbours, graph.present)
    return _compile(traced, graph.positions.is_cuda)


def _compile(traced: torch.nn.Module, captured: bool) -> Function:
    """Return a compiled function; ``captured``: as a CUDA graph."""
    options = {
        "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
        "triton.cudagraphs": captured,
        "cpp_wrapper": not captured,
    }
    return torch.compile(traced, fullgraph=True, dynamic=False, options=options)


@torch.no_grad()
def _call(function: Function, graph: Graph) -> dict[str, Tensor]:
    found = function(graph.positions, graph.neighbours, graph.present)
    # A captured CUDA graph writes the next results where these are.
    return {name: values.clone() for name, values in found.items()} if graph.positions.is_cuda else found


def _differ(expected: Tensor, found: Tensor) -> bool:
    largest = torch.cat([expected.flatten().abs(), expected.new_ones(1)]).max().clamp(max=10.0)
    return not bool(((found - expected).abs() <= TOLERANCE * largest).all())
