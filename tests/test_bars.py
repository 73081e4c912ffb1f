"""What the project set itself to reach, held against what its studies and benchmarks found."""

import csv
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ATOMS = {6: 6 * 7 + 2, 12: 12 * 7 + 2}


def errors(study, length):
    """Return the errors on the test frames of a molecule."""
    with (DOCS / study / "errors.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if (row["split"], row["length"]) == ("test", str(length))]
    (row,) = rows
    return {name: float(value) for name, value in row.items() if name != "split" and value}


def spectra(study):
    return json.loads((DOCS / study / "spectra.json").read_text())


@pytest.mark.parametrize(("name", "most"), [
    ("density_model", 0.30), ("density_floor", 0.23), ("dipole_mae_debye", 0.008), ("energy_mae_mev", 3.0),
    ("force_mae_mev_angstrom", 12.0),
])  # fmt: skip
def test_errors_of_ethanol(name, most):
    assert 0 < errors("ethanol", 1)[name] <= most


@pytest.mark.parametrize("name", ["density_model", "dipole_mae_debye", "energy_mae_mev", "force_mae_mev_angstrom"])
def test_chains_of_twelve_are_not_much_worse_than_those_of_six(name):
    six, twelve = (errors("polythiophene", length)[name] for length in (6, 12))
    atoms = ATOMS[12] / ATOMS[6] if name in ("dipole_mae_debye", "energy_mae_mev") else 1.0
    assert 0 < twelve / atoms <= 1.5 * six


def test_harmonic_spectrum_of_ethanol():
    modes = spectra("ethanol")["lengths"]["1"]["modes, model / DFT"]
    assert 0 < modes["frequency_mae_cm"] <= 10 and 0.95 <= modes["intensity_pearson"] <= 1


def test_tracked_spectrum_of_twelve_rings():
    found = spectra("polythiophene")["lengths"]["12"]
    modes, curves = found["modes, model / DFT"], found["model harmonic / DFT harmonic"]
    assert modes["captured_intensity"] >= 0.9 and 0 < modes["frequency_mae_cm"] <= 15
    assert 0.9 <= curves["pearson"] <= 1


@pytest.mark.parametrize("study", ["ethanethiol", "ethanol", "polythiophene", "resorcinol"])
def test_dynamics_keeps_its_energy(study):
    runs = [run for length in spectra(study)["dynamics"].values() for run in length]
    assert len(runs) >= 9 and min(run["picoseconds"] for run in runs) >= 20
    assert max(abs(run["drift_mev_atom_ps"]) for run in runs) < 0.05


def test_cost_grows_at_most_linearly():
    assert 0 < json.loads((ROOT / "benchmarks" / "step.json").read_text())["exponent"] <= 1.1
