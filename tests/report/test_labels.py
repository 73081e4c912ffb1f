"""The table of how good labels are."""

import csv
from dataclasses import replace

import numpy as np
from tests.training.labelled import dataset as write_dataset

from densnet.dataset import Dataset
from densnet.report.labels import labels_table, write_labels


def opened(folder):
    found = Dataset.open(write_dataset(folder))
    names = tuple(name.replace("toy", "hot" if k % 2 else "cold") for k, name in enumerate(found[1].names))
    floors = np.linspace(0.1, 0.8, len(names))
    frames = {n: replace(known, names=names, floor_error=floors) for n, known in found.frames.items()}
    sampling = {"hot": {"method": "xtb"}, "cold": {"method": "aimd"}}
    return replace(found, frames=frames, meta={"study": {"sampling": sampling}})


def test_a_row_for_each_length_and_split(tmp_path):
    lines = labels_table(opened(tmp_path)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:6]]
    assert [row[1] for row in cells] == ["train", "validation"] * 2
    assert [row[3] for row in cells] == ["50"] * 4
    assert cells[0][6:8] == ["0.350", "0.600"]
    assert cells[0][-1] == "–"
    assert 0 < float(cells[1][-1]) < 0.5


def test_every_frame_is_in_the_file(tmp_path):
    dataset = opened(tmp_path)
    write_labels(dataset, tmp_path / "labels.md")
    with open(tmp_path / "labels.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    assert rows[7]["split"] == "validation"
    assert float(rows[7]["floor_error"]) == dataset[1].floor_error[7]
