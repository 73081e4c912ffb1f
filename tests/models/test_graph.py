"""Neighbour lists against a double loop; batching; refusals."""

import numpy as np
import pytest
import torch

from densnet.errors import ModelError
from densnet.models.graph import build_graph, collate

ELEMENTS, CUTOFF = ("H", "C"), 2.5


def frame(atoms, seed):
    rng = np.random.default_rng(seed)
    return list(rng.choice(["H", "C"], atoms)), rng.uniform(0, 4, (atoms, 3))


def pairs(positions, cutoff):
    n = len(positions)
    return {
        (i, j) for i in range(n) for j in range(n) if i != j and np.linalg.norm(positions[i] - positions[j]) < cutoff
    }


def test_neighbours_are_all_pairs_within_the_cutoff():
    symbols, positions = frame(12, 0)
    graph = build_graph([(symbols, positions)], ELEMENTS, CUTOFF)
    found = list(zip(*graph.edges.tolist(), strict=True))
    assert set(found) == pairs(positions, CUTOFF)
    assert len(found) == len(set(found))
    vectors = graph.vectors()[graph.present]
    receivers, senders = graph.edges
    torch.testing.assert_close(
        vectors, torch.as_tensor(positions)[senders] - torch.as_tensor(positions)[receivers], check_dtype=False
    )


def test_frames_do_not_see_each_other():
    one, two = frame(7, 1), frame(10, 2)
    graph = build_graph([one, two], ELEMENTS, CUTOFF)
    receivers, senders = graph.edges
    assert graph.n_frames == 2
    assert torch.equal(graph.frame[receivers], graph.frame[senders])
    assert len(receivers) == len(pairs(one[1], CUTOFF)) + len(pairs(two[1], CUTOFF))
    assert torch.equal(graph.frame[graph.neighbours], graph.frame[:, None].expand_as(graph.neighbours))  # padding too


def test_collate_joins_single_graphs():
    frames = [frame(4, 3), frame(9, 4), frame(1, 5)]
    joined = collate([build_graph([one], ELEMENTS, CUTOFF) for one in frames])
    together = build_graph(frames, ELEMENTS, CUTOFF)
    for name in ("positions", "species", "frame", "neighbours", "present"):
        assert torch.equal(getattr(joined, name), getattr(together, name))


def test_refusals():
    with pytest.raises(ModelError, match="model knows H C; structure has O Xe"):
        build_graph([(["H", "O", "Xe"], np.zeros((3, 3)))], ELEMENTS, CUTOFF)
    with pytest.raises(ModelError, match="finite"):
        build_graph([(["H"], np.full((1, 3), np.nan))], ELEMENTS, CUTOFF)
    with pytest.raises(ModelError, match="without atoms"):
        build_graph([(["H"], np.zeros((1, 3))), ([], np.zeros((0, 3)))], ELEMENTS, CUTOFF)
    with pytest.raises(ModelError, match="at least one"):
        build_graph([], ELEMENTS, CUTOFF)


def test_shorter_lists_lose_no_neighbour_of_a_shorter_cutoff():
    frames = [(["C"] * n, np.random.default_rng(n).normal(0, 2, (n, 3))) for n in (5, 9)]
    graph = build_graph(frames, ["C"], 4.0, near=2.5)
    short, alone = graph.within(2.5), build_graph(frames, ["C"], 2.5)
    assert short.neighbours.shape[1] == alone.neighbours.shape[1] < graph.neighbours.shape[1]
    for receiver in range(14):
        near = set(alone.neighbours[receiver][alone.present[receiver]].tolist())
        assert near <= set(short.neighbours[receiver][short.present[receiver]].tolist())
    everyone, usual = (
        {tuple(pair) for pair in one.edges.T.tolist()} for one in (graph, build_graph(frames, ["C"], 4.0))
    )
    assert everyone == usual
    assert graph.within(3.0) is graph
    assert [graph.padded(8).neighbours.shape[1] % 8, graph.padded(8).near[1] % 8] == [0, 0]
