"""The table of variants and the learning curves say what went in."""

import csv

import pytest

from densnet.report.variants import learning_figure, variants_table, write_variants


def evaluation(frames, scale, density=0.5, seconds=100.0):
    errors = [
        {
            "split": split, "length": length, "dipole_mae_debye": 0.02 * scale, "energy_mae_mev": 3.0 * scale,
            "force_mae_mev_angstrom": 12.0 * scale + length, "density": {"model": density, "floor": 0.2},
        }
        for split in ("train", "test") for length in (1, 2)
    ]  # fmt: skip
    return {"errors": errors, "training": {"frames": {"1": frames // 2, "2": frames // 2}, "seconds": seconds}}


@pytest.fixture
def evaluations():
    small, smaller = evaluation(50, 2.0, density=0.8), evaluation(10, 4.0, density=None, seconds=None)
    return {"as is": evaluation(200, 1.0), "learning-50": small, "learning-10": smaller}


def test_a_row_for_each_variant_and_length(evaluations):
    lines = variants_table(evaluations, "polythiophene").splitlines()
    assert lines[0].startswith("| variant | molecule | training frames | floor % | density % | dipole D | energy meV |")
    assert lines[2] == "| as is | monomer | 200 | 0.200 | 0.500 | 0.0200 | 3.0 | 13.0 | 100 |"
    assert lines[5] == "| learning-50 | 2-mer | 50 | 0.200 | 0.800 | 0.0400 | 6.0 | 26.0 | 100 |"
    assert lines[6] == "| learning-10 | monomer | 10 | 0.200 | – | 0.0800 | 12.0 | 49.0 | – |"
    assert len([line for line in lines if line.startswith("|")]) == 2 + 6
    assert "| as is | ethanol |" in variants_table({"as is": only_monomers(evaluations["as is"])}, "ethanol")


def only_monomers(found):
    return found | {"errors": [row for row in found["errors"] if row["length"] == 1]}


def test_files(evaluations, tmp_path):
    write_variants(evaluations, tmp_path / "variants.md")
    assert (tmp_path / "variants.md").read_text() == variants_table(evaluations)
    with open(tmp_path / "variants.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == ["as is", "as is", "learning-50", "learning-50", *["learning-10"] * 2]
    assert [float(row["force_mae_mev_angstrom"]) for row in rows[:3]] == [13.0, 14.0, 25.0]
    assert rows[4]["density_percent"] == ""


def test_learning_curves_are_drawn_against_the_frames(evaluations, tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    drawn, plot = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, *given, **more: drawn.append(given) or plot(self, *given, **more))
    learning_figure(evaluations, tmp_path / "learning.svg")
    assert "</svg>" in (tmp_path / "learning.svg").read_text()
    assert drawn[0][:2] == ([50, 200], [0.8, 0.5])  # the density of a monomer; one variant has none
    assert drawn[6][:2] == ([10, 50, 200], [49.0, 25.0, 13.0])  # its forces
    assert len(drawn) == 8
