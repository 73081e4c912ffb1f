"""What a result says about its origin."""

import sys
from types import SimpleNamespace

import pytest

from densnet.provenance import provenance


@pytest.mark.parametrize(("available", "device"), [(True, "H100"), (False, "cpu")])
def test_the_device_is_named(monkeypatch, available, device):
    cuda = SimpleNamespace(is_available=lambda: available, get_device_name=lambda: "H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    found = provenance(model="abc")
    assert found["device"] == device
    assert isinstance(found["processor"], str)
    assert found["model"] == "abc"
