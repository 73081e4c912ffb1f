"""Whitening of coefficients, and the two metrics that they are compared in."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ase.units import Bohr
from tests import toys
from tests.training import labelled

from densnet.dataset import Dataset
from densnet.errors import ConfigError
from densnet.integrals import coulomb_and_overlap
from densnet.models.density import build_density
from densnet.models.graph import build_graph
from densnet.training.metric import MolecularMetric, OnSiteMetric, check_memory, frame_metrics
from densnet.training.whitening import atomic_rows, statistics

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


def test_the_metric_of_a_molecule_holds_that_of_its_atoms():
    symbols, positions = ["O", "H", "C"], np.array([[0.0, 0, 0], [0.3, 0.9, 0], [1.2, -0.3, 0.4]])
    offsets = BASIS.offsets(symbols)
    for whole, own in zip(coulomb_and_overlap(symbols, positions, BASIS), (BASIS.coulomb, BASIS.overlap), strict=True):
        for atom, symbol in enumerate(symbols):
            start = offsets[atom]
            for l, mul in BASIS.multiplicities(symbol).items():
                stop = start + mul * (2 * l + 1)
                expected = np.kron(own(symbol, l), np.eye(2 * l + 1))
                np.testing.assert_allclose(whole[start:stop, start:stop], expected, rtol=1e-8, atol=1e-10)
                start = stop


def test_distance_of_two_densities_is_that_on_a_grid(frames):
    """The overlap part of the metric is the integral of the squared difference of the densities."""
    one, (x, step) = frames[0], np.linspace(-6, 6, 97, retstep=True)
    symbols, positions = one.symbols, one.positions[0]
    points = positions.mean(0) + np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
    difference = one.coefficients[1] - one.coefficients[0]
    values = BASIS.evaluate(symbols, positions / Bohr, points / Bohr) @ difference
    on_grid = (values**2).sum() * (step / Bohr) ** 3
    found = statistics(frames, BASIS, 0.5)
    metrics = [metric for part in frames for metric in frame_metrics(part, BASIS, 0.5)]
    both, coulomb = (root @ root.T for root in (metrics[0], frame_metrics(one, BASIS, 0.0)[0]))
    vector = torch.as_tensor(difference).float()
    assert 2 * float(vector @ (both - coulomb) @ vector) == pytest.approx(on_grid, rel=1e-2)
    graph = build_graph([(symbols, positions)], ["H", "C", "O"], 3.0)
    metric = MolecularMetric(frames, found, metrics)
    expected = float(vector @ both @ vector) / (metric.variance * len(symbols))
    assert float(metric(graph, torch.as_tensor(difference), metrics[:1])) == pytest.approx(expected, rel=1e-5)


def test_the_mean_has_relative_error_one_in_the_metric_of_molecules(frames):
    found = statistics(frames, BASIS, 1.0)
    metrics = [metric for part in frames for metric in frame_metrics(part, BASIS, 1.0)]
    metric = MolecularMetric(frames, found, metrics)
    structures, rows = [], []
    for one in frames:
        mean = np.concatenate([found[symbol].mean for symbol in one.symbols])
        structures += [(one.symbols, positions) for positions in one.positions]
        rows += [torch.as_tensor(coefficients - mean) for coefficients in one.coefficients]
    graph = build_graph(structures, ["H", "C", "O"], 3.0)
    sizes = torch.bincount(graph.frame)
    assert float(metric(graph, torch.cat(rows), metrics) @ (sizes / sizes.sum())) == pytest.approx(1.0, rel=1e-5)


def test_metrics_that_do_not_fit_are_refused():
    check_memory([(1000, 500), (12, 1700)])
    with pytest.raises(ConfigError, match=r"density_training.loss: the metrics of all frames take 12437 GB, .*on-site"):
        check_memory([(100_000, 5576), (10, 1000)])


def test_every_process_has_all_metrics(monkeypatch):
    functions = [(10_000, int((0.5 * memory() / 40_000) ** 0.5))]  # half of what there is
    check_memory(functions)
    monkeypatch.setattr("densnet.training.metric.count", lambda: 2)
    with pytest.raises(ConfigError, match=r"for each of 2 processes; say on-site"):
        check_memory(functions)


def test_metrics_have_to_fit_onto_the_gpu(monkeypatch):
    small = SimpleNamespace(total_memory=10**6)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda device: small)
    check_memory([(10, 500)])
    with pytest.raises(ConfigError, match="the GPU has"):
        check_memory([(10, 500)], "cuda:0")


def memory():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
