"""The ragged coefficient vector and its whitening."""

import torch
from tests import toys

from densnet.models.density import spec_of
from densnet.models.graph import build_graph
from densnet.models.shells import Layout, Whitening


def make():
    basis = toys.basis()
    layout = Layout(spec_of(basis))
    symbols = ["O", "H", "C", "H"]
    return basis, layout, symbols, build_graph([(symbols, torch.rand(4, 3).numpy())], list(basis.shells), 3.0)


def test_places_are_those_of_the_basis():
    basis, layout, symbols, graph = make()
    offsets = basis.offsets(symbols)
    assert layout.total(graph) == offsets[-1]
    for element, atoms, index in layout.present(graph):
        for row, atom in enumerate(atoms.tolist()):
            assert symbols[atom] == list(basis.shells)[element]
            assert index[row].tolist() == list(range(offsets[atom], offsets[atom + 1]))


def test_pack_and_flatten_undo_each_other():
    _, layout, _, _ = make()
    for element, size in enumerate(layout.sizes.tolist()):
        values = torch.randn(3, size)
        packed = layout.pack(values, element, max_l=3)
        assert packed.shape == (16, 3, layout.width(element))
        assert torch.equal(layout.flatten(packed, element), values)


def test_pack_puts_components_in_their_place():
    _, layout, _, _ = make()  # H: two s shells and a p shell
    element = list(layout.spec).index("H")
    packed = layout.pack(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]]), element, max_l=1)
    assert packed[:, 0].tolist() == [[1, 2], [3, 0], [4, 0], [5, 0]]
    assert layout.pack(torch.ones(1, 5), element, max_l=0).shape[0] == 1  # higher l are left out


def test_whitening_round_trip():
    _, layout, _, _ = make()
    whitening = Whitening(layout)
    size = int(layout.sizes[1])
    matrix = torch.randn(size, size, dtype=torch.float64) + 3 * torch.eye(size, dtype=torch.float64)
    whitening.set(1, torch.randn(size, dtype=torch.float64), matrix)
    y = torch.randn(4, size)
    torch.testing.assert_close(whitening.whiten(whitening.colour(y, 1), 1), y, atol=1e-5, rtol=1e-5)
