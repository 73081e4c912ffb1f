"""Whitening and the on-site metric."""

import numpy as np
import pytest
import torch
from tests import toys
from tests.training import labelled

from densnet.dataset import Dataset
from densnet.models.density import build_density
from densnet.models.graph import build_graph
from densnet.training.metric import OnSiteMetric, atomic_rows, statistics

BASIS = toys.basis()


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    dataset = Dataset.open(labelled.dataset(tmp_path_factory.mktemp("data"), counts=(20, 0, 0)))
    return [one for _, one in dataset.of("train")]


def test_whitened_coefficients_have_unit_variance(frames):
    found = statistics(frames, BASIS, overlap_weight=1.0)
    for symbol in ("H", "C", "O"):
        rows = atomic_rows(frames, BASIS, symbol)
        assert len(rows) == 20 * {"H": 6, "C": 1, "O": 1}[symbol]
        y = (rows - found[symbol].mean) @ np.linalg.inv(found[symbol].matrix)
        start = 0
        for l, mul in BASIS.multiplicities(symbol).items():
            block = y[:, start : start + mul * (2 * l + 1)].reshape(len(y), mul, -1)
            covariance = np.einsum("nim,njm->ij", block, block) / (len(y) * (2 * l + 1))
            np.testing.assert_allclose(covariance, np.eye(mul), atol=1e-6)
            start += mul * (2 * l + 1)
        assert not found[symbol].mean[BASIS.multiplicities(symbol)[0] :].any()  # only l = 0 may be centred


def test_metric_is_the_integral_it_stands_for(frames):
    weight = 0.7
    found = statistics(frames, BASIS, weight)
    network = build_density(BASIS, labelled.toys.model().density.config)
    symbols = ["O", "H", "C"]
    graph = build_graph([(symbols, np.eye(3))], network.elements, 3.0)
    difference = torch.randn(int(BASIS.offsets(symbols)[-1]), dtype=torch.float64)
    expected, start = 0.0, 0
    for symbol in symbols:
        for l, mul in BASIS.multiplicities(symbol).items():
            block = difference[start : start + mul * (2 * l + 1)].view(mul, -1).numpy()
            metric = BASIS.coulomb(symbol, l) + weight * BASIS.overlap(symbol, l)
            expected += np.einsum("im,ij,jm->", block, metric, block)
            start += mul * (2 * l + 1)
    expected /= sum(found[symbol].variance for symbol in symbols)
    assert float(OnSiteMetric(network, found)(graph, difference)) == pytest.approx(expected, rel=1e-10)


def test_without_a_metric_coefficients_count_as_they_are(frames):
    found = statistics(frames, BASIS, overlap_weight=None)
    network = build_density(BASIS, labelled.toys.model().density.config)
    graph = build_graph([(["O", "H"], np.eye(2, 3))], network.elements, 3.0)
    difference = torch.randn(int(BASIS.offsets(["O", "H"])[-1]), dtype=torch.float64)
    expected = float(difference.square().sum()) / (found["O"].variance + found["H"].variance)
    assert float(OnSiteMetric(network, found)(graph, difference)) == pytest.approx(expected, rel=1e-10)
    rows = atomic_rows(frames, BASIS, "H")
    assert found["H"].variance == pytest.approx(((rows - found["H"].mean) ** 2).sum() / len(rows))


@pytest.mark.parametrize("weight", [1.0, None])
def test_the_mean_has_relative_error_one(frames, weight):
    found = statistics(frames, BASIS, weight)
    network = build_density(BASIS, labelled.toys.model().density.config)
    metric = OnSiteMetric(network, found)
    values = []
    for one in frames:
        mean = torch.as_tensor(np.concatenate([found[symbol].mean for symbol in one.symbols]))
        for positions, coefficients in zip(one.positions, one.coefficients, strict=True):
            graph = build_graph([(one.symbols, positions)], network.elements, 3.0)
            size = sum(found[symbol].variance for symbol in one.symbols)
            values.append((float(metric(graph, torch.as_tensor(coefficients) - mean)) * size, size))
    errors, sizes = zip(*values, strict=True)
    assert sum(errors) / sum(sizes) == pytest.approx(1.0)


def test_an_element_without_frames_keeps_its_plain_coefficients(frames):
    found = statistics([frames[0]], BASIS, 1.0)  # water: no carbon
    assert np.array_equal(found["C"].matrix, np.eye(BASIS.size("C")))
    assert not found["C"].mean.any()
