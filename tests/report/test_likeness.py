"""What is said of spectra that are, or are not, alike: misses, parts of a spectrum, other conformers."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.report.made_up import WAVES, harmonic_file, spectrum_file

from densnet.report import likeness, tables
from densnet.report.likeness import measure
from densnet.report.panels import Panel
from densnet.report.spectra import spectra_figure
from densnet.spectra import harmonic, lineshapes, trajectories
from densnet.spectra.assignment import Assigned
from densnet.spectra.experiment import TABLE, Lines

ROOT = Path(__file__).parents[2]


def test_misses_of_measured_lines_are_shown():
    metrics = {
        "model dynamics / gas phase": {
            "lines": [900.0, 1500.0, 3000.0], "pairs": [[910.0, 900.0], [1550.0, 1500.0]], "common_lines": 1,
            "common_mae_cm": 10.0, "bar_cm": 40.0, "within_bar": 1, "further_off": 1, "without_partner": 1,
        },
        "DFT harmonic / gas phase": {
            "lines": [900.0, 1500.0, 3000.0], "pairs": [[905.0, 900.0], [3055.0, 3000.0]], "common_lines": 1,
            "common_mae_cm": 5.0, "bar_cm": 40.0, "within_bar": 1, "further_off": 1, "without_partner": 1,
        },
    }  # fmt: skip
    lines = tables.lines_table(metrics, {"A": (900.0, 3000.0), "B": (1500.0,)}).splitlines()
    assert lines[2:6] == [
        "| 900 | A | 910 | yes | 905 |",
        "| 1500 | B | 1550 | no | – |",
        "| 3000 | A | – | no band | 3055 |",
        "| mean error on 1 that all have |  | 10.0 |  | 5.0 |",
    ]
    assert lines[-1].endswith("model dynamics 1, 1, 1; DFT harmonic 1, 1, 1.")


def test_lines_with_their_modes_make_bands(monkeypatch):
    """Two lines closer than their width are one band; a weak one is none, and one at 700 cm^-1 is not compared."""
    grid = np.arange(400.0, 3500.0)
    curve = lineshapes.broaden([912.0, 1530.0], [10.0, 20.0], grid, 20.0)
    dynamics = {"length": 1, "wavenumber": grid, "mean": curve, "fwhm": 20.0}
    lines = Lines("a handbook", {"A": (3000.0, 1504.0, 1496.0, 900.0, 700.0)})
    rows = (
        (700.0, 710.0, 9.0),
        (900.0, 950.0, 9.0),
        (1496.0, 1500.0, 4.0),
        (1504.0, 1560.0, 8.0),
        (3000.0, 3020.0, 0.01),
    )
    monkeypatch.setattr(likeness, "assign", lambda known, spectrum: [Assigned(*row) for row in rows])
    found = measure(Panel(dynamics, measured=lines))
    of_lines, of_bands = found["DFT modes / gas phase"], found["DFT modes / gas phase, bands"]
    assert (of_lines["within_bar"], of_lines["further_off"], of_lines["without_partner"]) == (2, 2, 0)
    assert of_bands["lines"] == pytest.approx([900.0, 1502.0], abs=2.0)
    assert [mode for mode, _ in of_bands["pairs"]] == pytest.approx([950.0, (1500.0 + 2 * 1560.0) / 3])
    text = tables.lines_table(found, lines.positions).splitlines()
    assert text[2] == "| 900 | A | 912 | yes | 950 | 9.0 |"
    assert (
        text[8]
        == "Of 4 lines within 40 cm⁻¹, further off, without a partner: model dynamics 2, 0, 2; DFT modes 2, 2, 0."
    )
    assert text[14] == "| 900 | 912 | yes | 950 |"
    assert (
        text[-1]
        == "Of 2 bands within 40 cm⁻¹, further off, without a partner: model dynamics 2, 0, 0; DFT modes 1, 1, 0."
    )


@pytest.mark.parametrize(("low", "high", "modes"), [(400, 3500, (10, 7, 0)), (1600, 2500, None), (3100, 3500, None)])
def test_the_functional_is_held_against_lines_in_the_window(low, high, modes):
    dft = json.loads((ROOT / "data" / "spectra" / "ethanol_dft_1.json").read_text())["spectrum"]
    dft |= {name: np.array(dft[name]) for name in ("frequencies", "intensities")}
    grid = np.arange(float(low), high)
    curve = lineshapes.broaden([(low + high) / 2], [1.0], grid, 12.0)
    panel = Panel({"length": 1, "wavenumber": grid, "mean": curve, "fwhm": 12.0}, dft=dft, measured=TABLE["CCO"])
    found = measure(panel)
    counts = ("within_bar", "further_off", "without_partner")
    assert ("DFT modes / gas phase" in found) == (modes is not None)
    if modes:
        assert tuple(found["DFT modes / gas phase"][name] for name in counts) == modes
    tables.lines_table(found, TABLE["CCO"].positions)


def test_other_conformers_and_imaginary_modes_are_said(tmp_path, caplog):
    dynamics, model = [spectrum_file(tmp_path, 1)], [harmonic_file(tmp_path, "model", 1)]
    values = harmonic.read(harmonic_file(tmp_path, "dft", 1, shift=-730.0))
    stretched = {name: values[name].tolist() for name in ("frequencies", "intensities", "modes")}
    harmonic.write(tmp_path / "dft_1.json", values | stretched | {"positions": (1.5 * values["positions"]).tolist()})
    out, metrics = tmp_path / "spectra.svg", tmp_path / "spectra.json"
    found = spectra_figure(dynamics, model, [tmp_path / "dft_1.json"], [], out, metrics, "oxide")["1"][tables.MODES]
    assert found["minima_rmsd_angstrom"] == pytest.approx(0.5 * 1.178 * np.sqrt(2 / 3), abs=1e-3)
    assert not found["same_conformer"]
    assert found["imaginary"] == {"model": 0, "dft": 1}
    assert "| 0.48, other conformers | 0 + 1 |" in (tmp_path / "spectra.md").read_text()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "dft, harmonic, 1 monomer(s): imaginary modes (-10 cm^-1) are not drawn"
    ]


@pytest.mark.parametrize(("captured", "whole"), [(0.9, False), (1.0, True)])
def test_a_part_of_a_spectrum_is_not_held_against_lines(tmp_path, captured, whole):
    dynamics = trajectories.read(spectrum_file(tmp_path, 1))
    dft = harmonic.read(harmonic_file(tmp_path, "dft", 1, captured=captured))
    found = measure(Panel(dynamics, dft=dft, measured=Lines("a handbook", {"A1": tuple(WAVES)})))
    for name in ("model dynamics / DFT harmonic", "DFT harmonic / gas phase"):
        assert (name in found) == whole
