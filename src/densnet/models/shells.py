"""The ragged coefficient vector, element by element, and its whitening."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from densnet.models.graph import Graph

Spec = dict[str, dict[int, int]]
"""Number of shells of each l of each element: {"C": {0: 11, 1: 8}, ...}."""


Places = list[tuple[int, Tensor, Tensor]]
"""Of each element that is there: its number, its atoms (n,), and where their coefficients are (n, size)."""


class Layout(nn.Module):
    """Where each element's coefficients are: in the flat vector, and in tensors (M, atoms, shells).

    Parameters
    ----------
    spec
        Shells of each element, in the model's order of elements.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = {symbol: {int(l): mul for l, mul in sorted(shells.items())} for symbol, shells in spec.items()}
        self.max_l = max(max(shells) for shells in self.spec.values())
        sizes = [sum(mul * (2 * l + 1) for l, mul in shells.items()) for shells in self.spec.values()]
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)
        for element, shells in enumerate(self.spec.values()):
            entries = [(l * l + m, k) for l, mul in shells.items() for k in range(mul) for m in range(2 * l + 1)]
            component, shell = torch.tensor(entries).T
            self.register_buffer(f"component_{element}", component, persistent=False)
            self.register_buffer(f"shell_{element}", shell, persistent=False)

    def width(self, element: int) -> int:
        """Return the largest number of shells that any l of an element has."""
        return max(list(self.spec.values())[element].values())

    def present(self, graph: Graph) -> Places:
        """Return where in the flat vector the coefficients of a graph's atoms are."""
        if self not in graph.memo:
            graph.memo[self] = self._present(graph)
        return graph.memo[self]

    def _present(self, graph: Graph) -> Places:
        sizes = self.sizes[graph.species]
        starts = torch.cumsum(sizes, 0) - sizes
        found = []
        for element in range(len(self.spec)):
            atoms = torch.nonzero(graph.species == element).squeeze(1)
            if len(atoms):
                size = len(getattr(self, f"component_{element}"))
                found.append((element, atoms, starts[atoms][:, None] + torch.arange(size, device=atoms.device)))
        return found

    def total(self, graph: Graph) -> int:
        """Return the length of the flat vector."""
        return sum(places.numel() for _, _, places in self.present(graph))

    def flatten(self, packed: Tensor, element: int) -> Tensor:
        """Return (n, size) from (M, n, shells)."""
        component, shell = getattr(self, f"component_{element}"), getattr(self, f"shell_{element}")
        return packed.permute(1, 0, 2).flatten(1).index_select(1, component * packed.shape[2] + shell)

    def pack(self, values: Tensor, element: int, max_l: int) -> Tensor:
        """Return (M, n, shells) from (n, size), with the l up to ``max_l``; missing shells are zero."""
        component, shell = getattr(self, f"component_{element}"), getattr(self, f"shell_{element}")
        shells = list(self.spec.values())[element]
        used = sum(mul * (2 * l + 1) for l, mul in shells.items() if l <= max_l)  # lower l come first
        width = self.width(element)
        packed = values.new_zeros(len(values), (max_l + 1) ** 2 * width)
        packed = packed.index_copy(1, component[:used] * width + shell[:used], values[:, :used])
        return packed.view(len(values), -1, width).transpose(0, 1)


class Whitening(nn.Module):
    """Affine map between coefficients c and numbers y of order one: ``c = mean + y @ matrix``, for each element.

    ``mean`` is non-zero for l = 0 only and ``matrix`` mixes shells of one l and treats all m alike, so that y rotates
    as c does. Both are float64 buffers made from training data (`densnet.training.whitening`).
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        for element, size in enumerate(layout.sizes.tolist()):
            self.register_buffer(f"mean_{element}", torch.zeros(size, dtype=torch.float64))
            self.register_buffer(f"matrix_{element}", torch.eye(size, dtype=torch.float64))
            self.register_buffer(f"inverse_{element}", torch.eye(size, dtype=torch.float64))

    @torch.no_grad()
    def set(self, element: int, mean: Tensor, matrix: Tensor) -> None:
        """Set the map of one element from its mean (size,) and matrix (size, size)."""
        getattr(self, f"mean_{element}").copy_(mean)
        getattr(self, f"matrix_{element}").copy_(matrix)
        getattr(self, f"inverse_{element}").copy_(torch.linalg.inv(matrix))

    def colour(self, y: Tensor, element: int) -> Tensor:
        """Return coefficients, float64, of whitened ones, both (n, size)."""
        return getattr(self, f"mean_{element}") + y.double() @ getattr(self, f"matrix_{element}")

    def whiten(self, c: Tensor, element: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return whitened coefficients as the networks compute, both (n, size)."""
        return ((c.double() - getattr(self, f"mean_{element}")) @ getattr(self, f"inverse_{element}")).to(dtype)
