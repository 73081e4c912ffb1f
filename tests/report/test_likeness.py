"""What is said of spectra that are, or are not, alike: misses, parts of a spectrum, other conformers."""

import numpy as np
import pytest
from tests.report.made_up import WAVES, harmonic_file, spectrum_file

from densnet.report import likeness, tables
from densnet.report.likeness import measure
from densnet.report.panels import Panel
from densnet.report.spectra import spectra_figure
from densnet.spectra import harmonic, lineshapes, trajectories
from densnet.spectra.assignment import Assigned
from densnet.spectra.experiment import Lines


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
        "| mean error on 1 lines that all have |  | 10.0 |  | 5.0 |",
    ]
    assert lines[-1].endswith("model dynamics 1, 1, 1; DFT harmonic 1, 1, 1.")


def test_lines_with_their_modes_make_bands(monkeypatch):
    """Two lines closer than their width are one band; a weak one is none."""
    grid = np.arange(400.0, 3500.0)
    curve = lineshapes.broaden([912.0, 1530.0], [10.0, 20.0], grid, 20.0)
    dynamics = {"length": 1, "wavenumber": grid, "mean": curve, "fwhm": 20.0}
    lines = Lines("a handbook", {"A": (900.0, 1496.0, 1504.0, 3000.0)})
    modes = [Assigned(*row) for row in ((900.0, 950.0, 9.0), (1496.0, 1500.0, 8.0), (1504.0, 1530.0, 8.0))]
    monkeypatch.setattr(likeness, "assign", lambda known, spectrum: [*modes, Assigned(3000.0, 3020.0, 0.01)])
    found = measure(Panel(dynamics, measured=lines))
    of_modes, of_bands = found["DFT modes / gas phase"], found["model dynamics / gas phase, bands"]
    assert (of_modes["within_bar"], of_modes["further_off"], of_modes["without_partner"]) == (3, 1, 0)
    assert of_bands["lines"] == pytest.approx([900.0, 1500.0], abs=1.0)
    assert (of_bands["within_bar"], of_bands["without_partner"]) == (2, 0)
    *_, table, _, counts, _, bands = tables.lines_table(found, lines.positions).splitlines()
    assert table == "| mean error on 2 lines that all have |  | 19.0 |  | 38.0 |  |"
    assert counts.endswith("model dynamics 2, 0, 2; DFT modes 3, 1, 0.")
    assert bands.endswith("the lines make 2 bands, at 900, 1500 cm⁻¹. Of these likewise: model dynamics 2, 0, 0.")


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
