"""The gate before a GPU."""

import pytest
from tests.reference.water import LEVEL, rattled

from densnet.errors import CalculationError
from densnet.reference import gate
from densnet.reference.gpu import on_gpu


@pytest.mark.parametrize(("shift", "passes"), [(0.0, True), (1e-7, False)])
def test_a_gpu_that_differs_from_the_cpu_is_refused(monkeypatch, shift, passes):
    """A stand-in for the GPU: the CPU, with its energy off by ``shift``."""
    energy, mean_field = gate.energy, gate.mean_field
    monkeypatch.setattr(gate, "on_gpu", lambda device: device == "gpu")
    monkeypatch.setattr(gate, "mean_field", lambda atoms, level: mean_field(atoms, LEVEL))
    monkeypatch.setattr(gate, "energy", lambda mf, level: energy(mf, level) + shift * (level.device == "gpu"))
    gpu = LEVEL.model_copy(update={"device": "gpu"})
    if passes:
        gate.check_device(rattled(), gpu)
    else:
        with pytest.raises(
            CalculationError, match=r"differs from the CPU by 1\.0e-07 Hartree .* reference.device: cpu"
        ):
            gate.check_device(rattled(), gpu)


def test_missing_gpu_is_said():
    with pytest.raises(CalculationError, match=r"reference\.device"):
        on_gpu("gpu")
