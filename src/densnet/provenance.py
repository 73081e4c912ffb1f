"""Where a result comes from: code, versions, machine, time."""

from __future__ import annotations

import contextlib
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import densnet

PACKAGES = (
    "ase",
    "dftd4",
    "e3nn",
    "gpu4pyscf-cuda13x",
    "numpy",
    "pyscf",
    "pytorch-ignite",
    "rdkit",
    "scipy",
    "tblite",
    "torch",
    "zarr",
)


def provenance(**extra: Any) -> dict[str, Any]:  # noqa: ANN401 - anything JSON can hold
    """Return what a result must carry to be traced: commit, versions, machine, device, time and ``extra``."""
    return {
        "densnet": densnet.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": _versions(),
        "machine": platform.machine(),
        "processor": _processor(),
        "device": _device(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **extra,
    }


def _device() -> str:
    """Return the name of the GPU that PyTorch computes on, or ``cpu``; PyTorch is not loaded for that."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else "cpu"


@cache
def _processor() -> str:
    """Return the name of the CPU, as far as the system tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


@cache
def _commit() -> str:
    """Return the commit of the source tree, with ``-dirty`` where files differ; empty outside a checkout."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
