"""Figures and tables from small made-up results: they are written, whole, and say what went in."""

import csv
import json

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tests.report.made_up import HEIGHTS, SETTINGS, WAVES, WIDTH, harmonic_file, spectrum_file

from densnet.errors import DataError
from densnet.report import figures, tables
from densnet.report.broken import shown, windows
from densnet.report.panels import Panel
from densnet.report.spectra import single_figure, spectra_figure
from densnet.report.sticks import harmonic_figure
from densnet.report.vdos import vdos_figure
from densnet.spectra import harmonic, lineshapes, trajectories
from densnet.spectra.experiment import Lines

TRACKED = {"captured": 0.9, "residuals": [1.5, 4.25, 2.0]}


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(0)
    errors = []
    for length in (1, 2, 3):
        size = {"energy_mae_mev_atom": 1.0 + length, "force_mae_mev_angstrom": 80 + 5.0 * length}
        errors.append(
            {
                "split": "test", "length": length, "frames": 8, "atoms": 2 + 7 * length, "dipole_mae_debye": 0.03,
                "energy_mae_centred_mev": 14.0, "force_rms_mev_angstrom": 1000.0 + length, **size,
                "density": {"prior": 8.6, "floor": 0.31, "model": 0.5 + 0.05 * length, "frames": 8},
                "overlap_angstrom": 0.21 if length < 3 else None,
            }
        )  # fmt: skip
    truth = rng.normal(size=(400, 1))
    pairs = np.hstack([truth, truth + rng.normal(0, 0.05, (400, 1))]).tolist()
    parity = {str(n): {"energy": pairs[:12], "forces": pairs, "dipole": pairs[:30]} for n in (1, 2, 3)}
    return {"errors": errors, "parity": parity, "train_lengths": [1, 2]}


def drawn(path):
    return path.stat().st_size > 5000 and (path.suffix != ".svg" or "</svg>" in path.read_text())


def test_spectra_are_drawn_and_measured(tmp_path):
    dynamics = [spectrum_file(tmp_path, length) for length in (1, 3, 12)]
    model = [harmonic_file(tmp_path, "model", length) for length in (1, 3, 12)]
    # The model's modes at the DFT minimum, which differ from those at its own: the comparison is with these.
    there = json.loads(harmonic_file(tmp_path, "there", 3, shift=4.0, keep=3).read_text())
    tracked = {name: there[name] for name in ("frequencies", "intensities", "modes")}
    dft = [
        harmonic_file(tmp_path, "dft", 1, shift=10.0),
        harmonic_file(tmp_path, "dft", 3, shift=10.0, keep=3, model=tracked, **TRACKED),
    ]
    out, metrics = tmp_path / "spectra.svg", tmp_path / "spectra.json"
    spectra_figure(dynamics, model, dft, [], out, metrics, "polythiophene")
    assert drawn(out)
    assert drawn(tmp_path / "spectra.png")
    found = json.loads(metrics.read_text())
    assert found["fwhm"] == WIDTH
    one = found["lengths"]["1"]
    assert one["model dynamics / model harmonic"]["pearson"] == pytest.approx(1, abs=1e-4)
    assert one["model harmonic / DFT harmonic"]["matched_peak_mae_cm"] == pytest.approx(10, abs=1)
    assert one["modes, model / DFT"]["frequency_mae_cm"] == pytest.approx(10, abs=1e-3)
    assert list(found["lengths"]["12"]) == ["model dynamics / model harmonic"]
    assert found["provenance"]["versions"]
    lines = (tmp_path / "spectra.md").read_text().splitlines()
    assert lines[0] == f"Lines of {WIDTH:g} cm⁻¹, full width at half maximum."
    assert "| monomer | 4 | 10.0 | 10.0 | 1.000 | 100.0 | – | 0.00 | 0 + 0 |" in lines
    assert "| 3-mer | 3 | 6.0 | 6.0 | 1.000 | 90.0 | 4.2 | 0.00 | 0 + 0 |" in lines
    assert "| 12-mer | 720 | 1.23 | 0.031 |" in lines
    three = found["lengths"]["3"]  # whose DFT lacks a tenth of the absorption
    assert "model dynamics / DFT harmonic" in one
    assert "model dynamics / DFT harmonic" not in three
    assert three["model harmonic / DFT harmonic"]["matched_peak_mae_cm"] == pytest.approx(6, abs=1)
    for name, columns in (("spectra", 6), ("modes", 4)):
        header, *rows = csv.reader((tmp_path / f"{name}.csv").open())
        assert len(header) == columns
        assert {row[0] for row in rows} == {"1", "3", "12"}


def test_ab_initio_trajectories_are_a_reference_that_is_measured_too(tmp_path):
    grid = trajectories.grid_of(SETTINGS)
    halves = [lineshapes.broaden(WAVES + shift, HEIGHTS, grid, WIDTH).tolist() for shift in (13.0, 17.0)]
    dynamics = [spectrum_file(tmp_path, length) for length in (1, 2)]
    model = [harmonic_file(tmp_path, "model", length) for length in (1, 2)]
    aimd = [spectrum_file(tmp_path, 1, "aimd", shift=15.0, halves=halves)]
    found = spectra_figure(dynamics, model, [], aimd, tmp_path / "spectra.svg", tmp_path / "spectra.json")
    assert found["1"]["model dynamics / AIMD"]["matched_peak_mae_cm"] == pytest.approx(15, abs=1)
    assert found["1"]["AIMD half / AIMD half"]["matched_peak_mae_cm"] == pytest.approx(4, abs=1)
    assert list(found["2"]) == ["model dynamics / model harmonic"]
    lines = (tmp_path / "spectra.md").read_text().splitlines()
    assert len([line for line in lines if line.startswith("| monomer | DFT | ")]) == 2
    assert "model from starts of AIMD / AIMD" not in found["1"]
    twins = [spectrum_file(tmp_path, 1, "twins", shift=12.0, starts_of="AIMD")]
    followed = spectra_figure(
        dynamics, model, [], aimd, tmp_path / "spectra.svg", tmp_path / "spectra.json", twins=twins
    )
    assert followed["1"]["model from starts of AIMD / AIMD"]["matched_peak_mae_cm"] == pytest.approx(3, abs=1)
    assert "| monomer | model, starts of AIMD | " in (tmp_path / "spectra.md").read_text()
    assert drawn(tmp_path / "spectra.png")


def test_measured_lines_belong_to_the_monomer(tmp_path):
    lines = Lines("a handbook", {"A1": tuple(WAVES - 20.0)})
    dynamics = [spectrum_file(tmp_path, length) for length in (1, 2)]
    model = [harmonic_file(tmp_path, "model", length) for length in (1, 2)]
    dft = [harmonic_file(tmp_path, "dft", 1, shift=10.0)]
    out, metrics = tmp_path / "spectra.svg", tmp_path / "spectra.json"
    found = spectra_figure(dynamics, model, dft, [], out, metrics, "polythiophene", lines)
    errors = {name: row["matched_peak_mae_cm"] for name, row in found["1"].items() if name.endswith("/ gas phase")}
    assert errors == {
        "model dynamics / gas phase": pytest.approx(20, abs=1), "DFT harmonic / gas phase": pytest.approx(30, abs=1)
    }  # fmt: skip
    assert not any(name.endswith("/ gas phase") for name in found["2"])
    assert json.loads(metrics.read_text())["gas_phase"]["source"] == "a handbook"
    rows = [line for line in (tmp_path / "spectra.md").read_text().splitlines() if "model dynamics / gas phase" in line]
    assert rows == ["| monomer | model dynamics / gas phase | – | – | – | 3/3 | 20.0 | – |"]
    table = (tmp_path / "spectra.md").read_text()
    assert "| gas phase cm⁻¹ | species | model dynamics | within 40 cm⁻¹ | DFT harmonic |" in table
    assert "| 1070 | A1 | 1090 | yes | 1100 |" in table
    assert "| mean error on 3 that all have |  | 20.0 |  | 30.0 |" in table
    counts = "within 40 cm⁻¹, further off, without a partner: model dynamics 3, 0, 0; DFT harmonic 3, 0, 0."
    assert f"\nOf 3 lines {counts}\n" in table


def test_a_single_trajectory_has_no_band(tmp_path, monkeypatch):
    filled = []
    monkeypatch.setattr(Axes, "fill_between", lambda self, *curves, **_: filled.append(curves))
    path = spectrum_file(tmp_path, 1, replicas=[{"temperature": 301.0, "picoseconds": 2.0}])
    found = trajectories.read(path)
    single_figure(found, None, tmp_path / "ir.png")
    assert filled == []
    vdos_figure([path], tmp_path / "vdos.svg")
    assert all(np.ndim(low) == 0 for _, low, _ in filled)  # the area below the curve
    assert "| molecule | 720 | 1.23 | – |" in tables.peaks_table([found])


def test_a_single_molecule_keeps_its_name(tmp_path, evaluation):
    files = [spectrum_file(tmp_path, 1)], [harmonic_file(tmp_path, "model", 1)], [], []
    spectra_figure(*files, tmp_path / "spectra.svg", tmp_path / "spectra.json", "ethanol")
    assert "| ethanol | model dynamics / model harmonic | 1.000 |" in (tmp_path / "spectra.md").read_text()
    single = evaluation | {"errors": evaluation["errors"][:1]}
    assert "| ethanol | 8 |" in tables.errors_table(single, "ethanol")
    assert "monomer" not in tables.errors_table(single, "ethanol")
    figures.lengths_figure(single, tmp_path / "lengths.svg", "ethanol")
    assert drawn(tmp_path / "lengths.svg")


def test_curves_are_called_what_they_are(tmp_path, monkeypatch):
    labels = []
    monkeypatch.setattr(Figure, "legend", lambda self, handles, names, **_: labels.extend(names))
    below = harmonic.read(harmonic_file(tmp_path, "PBE-D4/def2-SVP", 1))
    single_figure(trajectories.read(spectrum_file(tmp_path, 1)), below, tmp_path / "ir.png")
    assert labels == ["model, dynamics (mean ± standard error)", "PBE-D4/def2-SVP, harmonic"]
    labels.clear()
    model, dft = harmonic_file(tmp_path, "DenSNet", 1), harmonic_file(tmp_path, "dft", 1, shift=10.0)
    spectra_figure([tmp_path / "md_1.json"], [model], [dft], [], tmp_path / "both.svg", tmp_path / "both.json")
    assert labels[1:4] == ["DFT, harmonic", "model, harmonic", "model less DFT"]


def test_a_row_says_how_its_trajectories_went(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(Axes, "set_title", lambda self, text, **_: titles.append(text))
    common = {"temperature": 301.0, "picoseconds": 20.0}
    replicas = [common | {"drift_mev_atom_ps": drift} for drift in (0.0002, -0.0031)]
    single_figure(trajectories.read(spectrum_file(tmp_path, 1, replicas=replicas)), None, tmp_path / "ir.png")
    assert titles[0].endswith("2 × 20 ps, 301 K, drift 0.0031 meV/atom/ps")


def test_tracked_modes_are_held_against_the_same_modes():
    model = {"frequencies": np.array([700.0, 1100.0]), "intensities": np.array([5.0, 9.0]), "method": "DenSNet"}
    dft = {"frequencies": np.array([710.0]), "intensities": np.array([4.0])}
    assert Panel({}, model).counterpart is None
    assert Panel({}, model, dft).counterpart == model
    tracked = dft | {"model": {"frequencies": [705.0], "intensities": [4.5]}}
    found = Panel({}, model, tracked).counterpart
    assert (found["frequencies"].tolist(), found["intensities"].tolist(), found["method"]) == (
        [705.0],
        [4.5],
        "DenSNet",
    )


def test_an_axis_holds_the_points_it_shows():
    grid = np.arange(400.0, 4000.0)
    seen = grid[shown(grid, (600.5, 899.5))]
    assert (seen[0], seen[-1]) == (600.0, 900.0)
    assert len(grid[shown(grid, (0.0, 9000.0))]) == len(grid)


def test_the_silent_region_is_left_out():
    grid = trajectories.grid_of(SETTINGS)
    curve = lineshapes.broaden(WAVES, HEIGHTS, grid, 20.0)
    (low, first), (second, high) = windows(grid, [curve, 2 * curve])
    assert low == 400
    assert 1410 < first < 1600
    assert 2800 < second < 3080 < high


def test_a_harmonic_spectrum_shows_its_real_modes(tmp_path, monkeypatch):
    sticks = []
    monkeypatch.setattr(
        Axes, "vlines", lambda self, waves, low, high, **_: sticks.extend(zip(waves, high, strict=True))
    )
    found = {"frequencies": np.array([-90.0, 700.0, 2150.0, 3100.0]), "intensities": np.array([4.0, 5.0, 0.0, 90.0])}
    harmonic_figure(found, tmp_path / "harmonic.png", 1.0)
    assert sticks == [(700.0, 5.0), (2150.0, 0.0), (3100.0, 90.0)]
    saddle = {name: values[:1] for name, values in found.items()}
    harmonic_figure(saddle, tmp_path / "saddle.svg", 12.0)
    assert drawn(tmp_path / "harmonic.png")
    assert drawn(tmp_path / "saddle.svg")


def test_densities_of_states_are_drawn(tmp_path):
    vdos_figure([spectrum_file(tmp_path, length) for length in (1, 3)], tmp_path / "vdos.svg", "polythiophene")
    assert drawn(tmp_path / "vdos.svg")


def test_error_figures_and_table(tmp_path, evaluation):
    figures.parity_figure(evaluation, tmp_path / "parity.svg")
    figures.lengths_figure(evaluation, tmp_path / "lengths.svg")
    assert drawn(tmp_path / "parity.svg")
    assert drawn(tmp_path / "lengths.svg")
    tables.write_errors(evaluation, tmp_path / "errors.md")
    lines = (tmp_path / "errors.md").read_text().splitlines()
    assert lines[4] == "| 3-mer (not trained on) | 8 | 8.60 | 0.310 | 0.650 | 0.0300 | 4.00 | 14.0 | 95 | 1003 | – |"
    with open(tmp_path / "errors.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["density_model"]) for row in rows] == pytest.approx([0.55, 0.6, 0.65])


def test_training_and_floor_figures(tmp_path):
    header = "step,learning_rate,loss,score,density_error\n"
    rows = "".join(f"{s},1e-3,{10 / s},{12 / s},{3 / s**0.5}\n" for s in range(100, 1600, 100))
    (tmp_path / "density.csv").write_text(header + rows)
    (tmp_path / "energy.csv").write_text(header + rows)
    histories = {f"{name} network": tmp_path / f"{name}.csv" for name in ("density", "energy")}
    figures.training_figure(histories, tmp_path / "training.svg")
    assert drawn(tmp_path / "training.svg")
    with open(tmp_path / "training.csv") as file:
        written = list(csv.DictReader(file))
    assert [row["training"] for row in written] == ["density network"] * 15 + ["energy network"] * 15
    assert float(written[16]["loss"]) == 10 / 200
    curve = [
        {
            "threshold": t,
            "functions": {"C": 40 * n, "H": 4 * n},
            "floor": {"1": 0.6 / n, "2": 0.7 / n},
            "size": {"1": 90 * n, "2": 170 * n},
        }
        for n, t in ((1, 0.1), (2, 0.01), (3, 0.001), (5, None))
    ]
    weights = {"C": {"0": np.geomspace(1, 1e-4, 9).tolist()}, "H": {"0": [0.5, 0.1], "1": [0.3]}}
    values = {"curve": curve, "weights": weights, "shells": {"C": "20x0e+20x1o", "H": "8x0e"}}
    figures.floor_figure(values, tmp_path / "basis.svg")
    assert drawn(tmp_path / "basis.svg")


def test_functions_of_irreps():
    assert figures._functions("3x0e+2x1o+1x4e") == 3 + 6 + 9


def test_same_data_same_file(tmp_path, evaluation):
    figures.lengths_figure(evaluation, tmp_path / "a.svg")
    figures.lengths_figure(evaluation, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_damaged_inputs_are_named(tmp_path):
    (tmp_path / "history.csv").write_text("")
    with pytest.raises(DataError, match=r"history\.csv"):
        figures.training_figure({"one": tmp_path / "history.csv", "two": tmp_path / "history.csv"}, tmp_path / "a.svg")
    assert not (tmp_path / "a.svg").exists()
