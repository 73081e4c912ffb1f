"""What a result says about its origin."""

import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from densnet.provenance import _processor, provenance


@pytest.mark.parametrize(("available", "device"), [(True, "H100"), (False, "cpu")])
def test_the_device_is_named(monkeypatch, available, device):
    cuda = SimpleNamespace(is_available=lambda: available, get_device_name=lambda: "H100")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    found = provenance(model="abc")
    assert found["device"] == device
    assert found["model"] == "abc"


def test_the_processor_is_named_where_the_system_tells_it(monkeypatch):
    named = _processor.__wrapped__  # it is asked once
    monkeypatch.setattr(platform, "processor", lambda: "unknown")
    monkeypatch.setattr(Path, "read_text", lambda path: "flags : fpu\nmodel name\t: Some CPU @ 3 GHz\n")
    assert named() == "Some CPU @ 3 GHz"
    monkeypatch.setattr(Path, "read_text", lambda path: "flags : fpu\n")
    assert named() == "unknown"
