"""Measured lines: whose they are, and what is matched with them."""

import numpy as np
import pytest
from rdkit import Chem

from densnet.config import Molecule
from densnet.spectra import experiment, lineshapes

GRID = np.arange(400.0, 3500.0)


def test_lines_are_found_however_the_molecule_is_written():
    thiophene = experiment.TABLE["c1ccsc1"]
    for name, smiles in (("thiophene", ""), ("x", "C1=CC=CS1"), ("x", "[*:1]c1ccc(s1)[*:2]"), ("polythiophene", "")):
        assert experiment.lines_of(Molecule(name=name, smiles=smiles)) is thiophene
    assert experiment.lines_of(Molecule(name="ethanol")) is experiment.lines_of(Molecule(name="x", smiles="OCC"))
    assert experiment.lines_of(Molecule(name="ethanethiol")) is None


@pytest.mark.parametrize("smiles", experiment.TABLE)
def test_tables_are_canonical_cited_and_no_longer_than_the_modes(smiles):
    lines, graph = experiment.TABLE[smiles], Chem.MolFromSmiles(smiles)
    assert Chem.MolToSmiles(graph) == smiles
    assert "NIST" in lines.source
    assert 0 < len(lines.wavenumbers) <= 3 * Chem.AddHs(graph).GetNumAtoms() - 6
    assert np.all(np.diff(lines.wavenumbers) >= 0)
    assert lines.positions.keys() == lines.axes.keys()
    for measured in lines.positions.values():
        assert np.all(np.diff([line for line in measured if line is not None]) < 0)
    assert 100 < lines.wavenumbers[0] < lines.wavenumbers[-1] < 4000


def test_peaks_are_matched_with_lines_above_the_lowest():
    lines = experiment.Lines("made up", {"A": (700.0, 900.0, 1500.0), "B": (3000.0, 3700.0)})
    curve = lineshapes.broaden([690.0, 912.0, 1480.0, 2500.0], [90.0, 10.0, 40.0, 30.0], GRID, 20.0)
    found = experiment.compare_lines(GRID, curve, lines.wavenumbers)
    assert found["matched_peak_mae_cm"] == pytest.approx((12 + 20) / 2, abs=1)
    assert (found["matched_peaks"], found["reference_peaks"]) == (2, 3)  # 700 is too low, 3700 outside the window
    assert np.array(found["pairs"]) == pytest.approx(np.array([[912, 900], [1480, 1500]]), abs=1)


def test_lines_are_counted_by_how_far_their_bands_are():
    lines = experiment.Lines("made up", {"A": (900.0, 1500.0, 2000.0, 3000.0)})
    curve = lineshapes.broaden([912.0, 1450.0, 3200.0], [20.0, 30.0, 10.0], GRID, 20.0)
    found = experiment.compare_lines(GRID, curve, lines.wavenumbers)
    assert (found["within_bar"], found["further_off"], found["without_partner"]) == (1, 1, 2)
    nothing = experiment.compare_lines(GRID, 0 * GRID, lines.wavenumbers)
    assert (nothing["within_bar"], nothing["further_off"], nothing["without_partner"]) == (0, 0, 4)
