"""What a result says about its origin, and seeds that belong to jobs."""

import sys
from types import SimpleNamespace

import pytest

from densnet.provenance import provenance, seed


@pytest.mark.parametrize(("available", "device"), [(True, "H100"), (False, "cpu")])
def test_the_device_is_named(monkeypatch, available, device):
    cuda = SimpleNamespace(is_available=lambda: available, get_device_name=lambda: "H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    found = provenance(model="abc")
    assert found["device"] == device
    assert found["model"] == "abc"


def test_seeds_belong_to_jobs():
    assert seed(1, "md", 0) == seed(1, "md", 0)
    assert len({seed(1, "md", 0), seed(1, "md", 1), seed(2, "md", 0)}) == 3
