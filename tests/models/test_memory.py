"""Memory that stays with the process."""

import platform
import resource

import numpy as np
import pytest

from densnet.models.memory import keep_freed_memory


def faults(rounds: int) -> int:
    """Return the page faults of filling and freeing three arrays of 4 MB again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        arrays = [np.ones(500_000) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a call of glibc")
def test_arrays_are_filled_again_without_page_faults() -> None:
    """Three thousand pages a round, were they given back."""
    assert keep_freed_memory()
    faults(2)
    assert faults(10) < 3000


def test_a_library_without_the_call_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails where there is no mallopt."""
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not keep_freed_memory.__wrapped__()
