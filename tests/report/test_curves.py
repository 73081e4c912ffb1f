"""The numbers behind the figure: every other point, few digits, nothing where there is nothing."""

import csv

import numpy as np
import pytest

from densnet.report.curves import write_curves, write_modes
from densnet.report.panels import Panel
from densnet.spectra import lineshapes

GRID = np.arange(400.0, 3501.0)
MODES = {"frequencies": np.array([-30.0, 700.0, 3100.0]), "intensities": np.array([1.0, 80.0, 20.12345])}


def panel(length, **other):
    mean = lineshapes.broaden([710.0, 3000.0], [90.0 * length, 30.0], GRID, 12.0)
    dynamics = {"wavenumber": GRID, "mean": mean, "standard_error": mean / 7, "length": length, "fwhm": 12.0}
    return Panel(dynamics | other, MODES | {"method": "DenSNet"})


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_curves_are_those_of_the_figure(tmp_path):
    one, two = panel(1), panel(2, standard_error=None)
    whole = Panel(one.dynamics, one.model, MODES | {"method": "PBE"}, {"mean": 2 * one.mean})
    write_curves([whole, two], tmp_path / "spectra.csv")
    rows = read(tmp_path / "spectra.csv")
    first, second = rows[: len(GRID[::2])], rows[len(GRID[::2]) :]
    assert [float(row["wavenumber_cm"]) for row in first] == GRID[::2].tolist()
    known = {"model": one.mean, "standard_error": one.error, "aimd": 2 * one.mean, "dft_harmonic": one.broadened(MODES)}
    for name, curve in known.items():
        found = np.array([float(row[f"{name}_km_mol_cm"]) for row in first])
        assert found == pytest.approx(curve[::2], abs=1e-3 * curve.max())
    assert {row["length"] for row in second} == {"2"}
    for name in ("standard_error", "aimd", "dft_harmonic"):
        assert {row[f"{name}_km_mol_cm"] for row in second} == {""}
    assert first[0].keys() >= {"model_harmonic_km_mol_cm"}


def test_seven_lengths_are_small_enough_to_keep(tmp_path):
    panels = [Panel(one.dynamics, one.model, one.model, {"mean": one.mean}) for one in map(panel, range(1, 8))]
    write_curves(panels, tmp_path / "spectra.csv")
    assert (tmp_path / "spectra.csv").stat().st_size < 400_000


def test_modes_of_both_methods(tmp_path):
    both = Panel(
        panel(3).dynamics, panel(3).model, {name: values[1:] for name, values in MODES.items()} | {"method": "PBE"}
    )
    write_modes([panel(1), both], tmp_path / "modes.csv")
    rows = read(tmp_path / "modes.csv")
    assert [(row["length"], row["method"]) for row in rows] == [
        *[("1", "DenSNet")] * 3, *[("3", "DenSNet")] * 3, *[("3", "PBE")] * 2
    ]  # fmt: skip
    assert [float(row["wavenumber_cm"]) for row in rows[:3]] == [-30, 700, 3100]
    assert rows[-1]["intensity_km_mol"] == "20.123"
