"""The tiny study end to end: what it leaves, what a second run does, what a change repeats."""

import json
import os

import pytest
from tests.conftest import PARTS, House

pytestmark = pytest.mark.slow

AFTER_MODEL = {
    "simulate": 4,
    "infrared": 2,
    "twins": 1,
    "harmonic_model": 2,
    "minimum": 1,  # of the tracked chain: it begins at the model's
    "harmonic_tracked": 1,
    "evaluate": 1,
    "pack": 1,
    "plot_spectra": 1,
    "plot_errors": 1,
    "plot_training": 1,
    "plot_density": 1,
}
AFTER_LABELS = {"gather": 1, "plot_labels": 1, "train_density": 1, "train_energy": 1, **AFTER_MODEL}
AFTER_BASIS = {"fit": 3, **AFTER_LABELS}
AFTER_FRAMES = {"label": 3, "basis": 1, **AFTER_BASIS}


def change(house, path, old, new):
    """Replace a piece of a file that must be there."""
    text = (house.root / path).read_text()
    assert old in text
    (house.root / path).write_text(text.replace(old, new, 1))


def test_leaves_what_it_promises(finished):
    results = finished.root / "results" / "tiny"
    for path in (
        "frames/3.extxyz",
        "atoms.json",
        "basis.json",
        "dataset.zarr.zip",
        "energy/model.pt",
        "model.pt",
        "md/2/1.h5",
        "spectra/2.json",
        "spectra/aimd_1.json",
        "spectra/twins_1.json",
        "md/twins_1/1.h5",
        "harmonic/dft_1.json",
        "harmonic/dft_2.json",
        "evaluation.json",
        "report/spectra.svg",
        "report/vdos.svg",
        "report/density.svg",
        "report/errors.md",
        "report/labels.csv",
        "benchmarks/train_energy.tsv",
        "logs/train_energy.log",
    ):
        assert (results / path).stat().st_size, path
    left = [path for path in results.rglob("*") if ".part" in path.name or path.suffix == ".checkpoint"]
    assert not left
    likeness = (results / "report" / "spectra.md").read_text()
    assert "| monomer | model dynamics / AIMD |" in likeness
    assert "| monomer | AIMD half / AIMD half |" in likeness


def test_second_run_has_nothing_to_do(finished):
    result = finished.run()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout


def test_touched_code_repeats_nothing(lived_in):
    for path in (lived_in.root / "src").rglob("*.py"):
        os.utime(path)
    assert lived_in.planned() == {}


CHANGES = {
    "spectra": ("fwhm: 1600.0", "fwhm: 1700.0", {"infrared": 2, "infrared_aimd": 1, "twins": 1, "plot_spectra": 1}),
    "harmonic": ("max_modes: 3", "max_modes: 2", {"harmonic_tracked": 1, "plot_spectra": 1}),
    "harmonic processes": ("processes: 2", "processes: 1", {}),
    "simulation": (
        "temperature: 300.0",
        "temperature: 310.0",
        {"simulate": 4, "infrared": 2, "plot_spectra": 1},
    ),
    "another length": (
        "simulation: {lengths: [1, 2]",
        "simulation: {lengths: [1, 2, 3]",
        {"start": 1, "simulate": 2, "infrared": 1, "harmonic_model": 1, "plot_spectra": 1},
    ),
    "energy network": (
        "energy_network: {irreps: 16x0e",
        "energy_network: {irreps: 8x0e",
        {"train_energy": 1, **AFTER_MODEL},
    ),
    "auxiliary basis": ("max_l: 2", "max_l: 1", {"basis": 1, **AFTER_BASIS}),
    "how hard labels are computed": ("conv_tol: 1.0e-8", "conv_tol: 1.0e-8\n  max_cycle: 60", {}),
    "labels": (
        "conv_tol: 1.0e-8",
        "conv_tol: 1.0e-9",
        {"harmonic_full": 1, **AFTER_FRAMES, "minimum": 2},
    ),
    "what labels are accepted": ("max_floor: 20.0", "max_floor: 21.0", AFTER_LABELS),
    "sampling": (
        "steps: 20, stride: 5",
        "steps: 25, stride: 5",
        {"sample": 1, "select_frames": 1, "label": 1, "fit": 1, **AFTER_LABELS},
    ),
}


@pytest.mark.parametrize(("old", "new", "jobs"), CHANGES.values(), ids=CHANGES)
def test_changed_setting_repeats_what_depends_on_it(lived_in, old, new, jobs):
    change(lived_in, "workflow/studies/tiny.yaml", old, new)
    assert lived_in.planned() == jobs


@pytest.mark.parametrize(
    ("module", "jobs"),
    [
        ("report/tables.py", {"plot_errors": 1, "plot_labels": 1, "plot_spectra": 1, "plot_training": 1}),
        ("dataset.py", AFTER_LABELS),
        ("spectra/infrared.py", {"infrared": 2, "infrared_aimd": 1, "twins": 1, "plot_spectra": 1}),
        ("spectra/aimd.py", {"infrared_aimd": 1, "twins": 1, "plot_spectra": 1}),
        ("training/energy.py", {"train_energy": 1, **AFTER_MODEL}),
        ("models/density.py", {"train_density": 1, "train_energy": 1, **AFTER_MODEL}),
        ("reference/selection.py", {"select_frames": 3, **AFTER_FRAMES}),
        ("reference/fitting.py", {"basis": 1, **AFTER_BASIS}),
    ],
)
def test_changed_code_repeats_the_rules_that_use_it(lived_in, module, jobs):
    with (lived_in.root / "src" / "densnet" / module).open("a") as file:
        file.write("\nADDED = None\n")
    assert lived_in.planned() == jobs


def test_another_seed_repeats_everything_random(lived_in):
    change(lived_in, "workflow/studies/tiny.yaml", "name: tiny", "name: tiny\nseed: 2")
    assert lived_in.planned()["sample"] == 9


def test_a_shipped_set_is_taken_in_the_place_of_computing(lived_in, tmp_path):
    assert lived_in.run("ship", "ship_model", "ship_spectra").returncode == 0
    assert lived_in.planned() == {}  # what was computed is kept
    fresh = House.copy(lived_in.root, tmp_path / "fresh", (*PARTS, "data", "models"))
    jobs = fresh.planned()
    computed = {"sample", "label", "fit", "gather", "infrared_aimd", "minimum", "harmonic_full", "harmonic_tracked"}
    assert jobs.keys() & {*computed, "train_density", "train_energy"} == set()
    assert [jobs[f"shipped{what}"] for what in ("", "_model", "_spectrum", "_tracked")] == [1, 1, 2, 1]
    spectra = "results/tiny/harmonic/dft_1.json", "results/tiny/spectra/aimd_1.json"
    result = fresh.run("labels", "results/tiny/harmonic/dft_2.json", *spectra)
    assert result.returncode == 0, result.stdout
    assert "labels: the shipped set data/tiny.zarr.zip" in result.stdout
    assert "spectra: tiny_dft_1.json, tiny_dft_2.json, tiny_aimd_1.json of data/spectra" in result.stdout
    for path in spectra:
        taken = json.loads((fresh.root / path).read_text())
        assert taken.pop("shipped")
        assert taken == json.loads((lived_in.root / path).read_text())
    tracked, other = (
        json.loads((one.root / "results/tiny/harmonic/dft_2.json").read_text()) for one in (lived_in, fresh)
    )
    for name in ("frequencies", "modes", "residuals"):
        assert other[name] == tracked[name]
    for name in ("frequencies", "intensities"):
        assert other["model"][name] == pytest.approx(tracked["model"][name], rel=1e-3, abs=1e-2)
    taken, shipped = (fresh.root / path for path in ("results/tiny/dataset.zarr.zip", "data/tiny.zarr.zip"))
    assert taken.read_bytes() == shipped.read_bytes()
    change(fresh, "workflow/studies/tiny.yaml", "labels: {chunk", "labels: {source: compute, chunk")
    assert fresh.planned()["label"] == 3
    change(fresh, "workflow/studies/tiny.yaml", "{source: compute, chunk", "{chunk")
    (fresh.root / "data" / "tiny.zarr.zip").write_bytes(b"damaged")
    taken.unlink()
    lines = [line for line in fresh.run("labels").stdout.splitlines() if line.startswith("densnet shipped: ")]
    assert len(lines) == 1
    assert "labels: compute" in lines[0]
