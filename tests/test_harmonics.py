"""Spherical harmonics, against e3nn's."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from e3nn import o3

from densnet.harmonics import coupling, solid_harmonics, spherical_harmonics

VECTORS = np.random.default_rng(0).normal(size=(20, 3))


@pytest.mark.parametrize("l", range(8))
def test_harmonics_are_e3nns(l):
    expected = o3.spherical_harmonics(l, torch.as_tensor(VECTORS), True, normalization="integral")
    np.testing.assert_allclose(spherical_harmonics(l, VECTORS), expected, atol=1e-13)


def test_solid_harmonics_are_polynomials():
    vectors = np.concatenate([VECTORS, np.zeros((1, 3))])
    for l, found in enumerate(solid_harmonics(7, vectors)):
        expected = o3.spherical_harmonics(l, torch.as_tensor(vectors), False, normalization="integral")
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("l", range(2, 6))
def test_coupling_is_the_clebsch_gordan_coefficients(l):
    symbol = o3.wigner_3j(l - 1, 1, l, dtype=torch.float64).reshape(-1, 2 * l + 1).numpy()
    cosine = np.sum(symbol * coupling(l)) / (np.linalg.norm(symbol) * np.linalg.norm(coupling(l)))
    assert abs(cosine) == pytest.approx(1, abs=1e-12)


def test_a_model_is_loaded_without_e3nn():
    code = "import sys, densnet.dynamics.calculator; assert not {'e3nn', 'torch._dynamo'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
