"""Where networks run: what is asked for, and what there is."""

import pytest
import torch

from densnet.errors import ModelError
from densnet.models.devices import torch_device


@pytest.mark.parametrize(("asked", "there", "expected"), [
    ("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("gpu", True, "cuda"),
    ("cuda:1", True, "cuda:1"),
])  # fmt: skip
def test_a_gpu_is_taken_where_there_is_one(monkeypatch, asked, there, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert torch_device(asked) == expected


def test_a_missing_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("gpu", "cuda", "cuda:1"):
        with pytest.raises(ModelError, match="device: PyTorch finds no GPU"):
            torch_device(name)


@pytest.mark.parametrize("name", ["GPU", "xpu"])
def test_a_wrong_name_is_said(name):
    with pytest.raises(ModelError, match=f"device: PyTorch has no '{name}'"):
        torch_device(name)
