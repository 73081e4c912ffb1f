"""`densnet train`: the seeds of the workflow, variants, and datasets that are none."""

import zipfile

from tests.cli.commands import refused
from tests.training import labelled

from densnet import training
from densnet.cli import main
from densnet.seeds import seed


def test_train_takes_the_seeds_of_the_workflow(folder, monkeypatch):
    seeds, data = [], str(labelled.dataset(folder))
    for name in ("train_density", "train_energy"):
        monkeypatch.setattr(training, name, lambda task, *_: seeds.append(task.seed))
    assert main(["-q", "train", str(folder / "study.yaml"), data, "-o", str(folder / "m.pt")]) == 0
    assert seeds == [seed(1, "train_density"), seed(1, "train_energy")]


def test_train_a_variant(folder, monkeypatch, capsys):
    calls, data = [], str(labelled.dataset(folder))
    for name in ("train_density", "train_energy"):
        monkeypatch.setattr(training, name, lambda *given: calls.append(given))
    path = folder / "study.yaml"
    path.write_text(path.read_text() + "variants: {few: {train_frames: 3, energy_network: {layers: 4}}}\n")
    assert main(["-q", "train", str(path), data, "--variant", "few", "-o", str(folder / "m.pt")]) == 0
    assert [task.train_frames for task, *_ in calls] == [3, 3]
    assert (calls[0][1].layers, calls[1][2].layers) == (2, 4)
    message = refused(capsys, "train", path, data, "--variant", "many", "-o", folder / "m.pt")
    assert "no variant 'many'; it has few" in message


def test_a_foreign_zip_is_no_dataset(folder, capsys):
    with zipfile.ZipFile(folder / "foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    message = refused(capsys, "train", folder / "study.yaml", folder / "foreign.zip", "-o", folder / "m.pt")
    assert "foreign.zip: a zip file, but not a dataset" in message
