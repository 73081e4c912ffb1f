"""What the project set itself to reach, held against what its studies and benchmarks found."""

import csv
import json
from pathlib import Path

import pytest

from densnet.models.densnet import DenSNet
from densnet.report.evaluation import training_seconds

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


def test_ethanol_is_trained_in_three_hours():
    assert 0 < training_seconds(DenSNet.load("ethanol").metadata) <= 3 * 3600


def test_more_frames_of_ethanol_teach_more():
    with (DOCS / "ethanol" / "variants.csv").open() as file:
        rows = {row["variant"]: row for row in csv.DictReader(file)}
    few, more, whole = (rows[name] for name in ("learning-50", "learning-200", "as is"))
    for error in ("density_percent", "dipole_mae_debye", "energy_mae_mev", "force_mae_mev_angstrom"):
        assert float(few[error]) > float(more[error]) > float(whole[error]) > 0


@pytest.mark.parametrize("error", ["energy_mae_mev", "force_mae_mev_angstrom"])
def test_errors_are_below_those_of_mace_after_the_same_time(error):
    found = json.loads((ROOT / "benchmarks" / "accuracy.json").read_text())["ethanethiol"]
    ours, *mace = (found[name]["errors"][0][error] for name in found)
    assert len(mace) == 2 and 0 < ours < min(mace)
    assert min(one["seconds"] for one in found.values()) == found["densnet"]["seconds"]


@pytest.mark.parametrize("name", ["density_model", "dipole_mae_debye", "energy_mae_mev", "force_mae_mev_angstrom"])
@pytest.mark.parametrize("study", ["polythiophene", "polythiophene-joint"])
def test_chains_of_twelve_are_not_much_worse_than_those_of_six(study, name):
    six, twelve = (errors(study, length)[name] for length in (6, 12))
    atoms = ATOMS[12] / ATOMS[6] if name in ("dipole_mae_debye", "energy_mae_mev") else 1.0
    assert 0 < twelve / atoms <= 1.5 * six


def test_harmonic_spectrum_of_ethanol():
    modes = spectra("ethanol")["lengths"]["1"]["modes, model / DFT"]
    assert 0 < modes["frequency_mae_cm"] <= 10 and 0.95 <= modes["intensity_pearson"] <= 1


@pytest.mark.parametrize(("study", "pearson"), [("polythiophene", 0.9), ("polythiophene-joint", 0.98)])
def test_tracked_spectrum_of_twelve_rings(study, pearson):
    found = spectra(study)["lengths"]["12"]
    modes, curves = found["modes, model / DFT"], found["model harmonic / DFT harmonic"]
    assert modes["captured_intensity"] >= 0.9 and 0 < modes["frequency_mae_cm"] <= 15
    assert pearson <= curves["pearson"] <= 1


@pytest.mark.parametrize(("study", "length", "fewest"), [
    ("ethanol", 1, 10), ("ethanethiol", 1, 9), ("resorcinol", 1, 9), ("polythiophene", 1, 3), ("polythiophene", 12, 3),
    ("polythiophene-joint", 12, 3),
])  # fmt: skip
def test_dynamics_is_long_and_keeps_its_energy(study, length, fewest):
    runs = spectra(study)["dynamics"][str(length)]
    assert len(runs) >= fewest and min(run["picoseconds"] for run in runs) >= 20
    assert max(abs(run["drift_mev_atom_ps"]) for run in runs) < 0.05


def test_chains_of_many_lengths_are_run():
    assert set(spectra("polythiophene")["dynamics"]) == {"1", "2", "3", "4", "6", "8", "12"}


def test_cost():
    """It grows at most linearly; 20 ps of twelve rings in steps of 0.5 fs take less than three hours on one core."""
    found = json.loads((ROOT / "benchmarks" / "step.json").read_text())
    assert 0 < found["exponent"] <= 1.1
    assert 0 < found["medians"]["densnet, compiled"]["12-mer"] / 1e3 * 40_000 < 3 * 3600
