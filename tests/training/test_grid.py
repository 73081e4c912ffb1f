"""Training on the density itself: water by DFT, its error on points, and shells that stretch."""

import csv

import numpy as np
import pytest
import torch
from tests.reference.water import LEVEL, labelled

from densnet.basis import AuxiliaryBasis
from densnet.config import (
    DensityNetworkSettings,
    DensityTraining,
    EnergyNetworkSettings,
    EnergyTraining,
    GridTraining,
    Labels,
)
from densnet.dataset import Dataset, gather
from densnet.errors import DataError
from densnet.gaussians import Shell
from densnet.models.densnet import DenSNet
from densnet.reference.atoms import free_atoms
from densnet.reference.fits import fit_labels
from densnet.report.evaluation import density_errors, predict
from densnet.training import Task, train_density, train_energy, train_grid, trainer
from densnet.training.density import load_density

SPLITS = ["train"] * 5 + ["validation"] + ["test"] * 2
SMALL = {"irreps": "6x0e+6x1o+4x2e", "layers": 1, "cutoff": 3.0, "radial": 6, "radial_hidden": 8}
SHORT = DensityTraining(steps=60, validate_every=30, ema=0.9)
GRID = GridTraining(steps=80, flexible=True, validate_every=40, learning_rate=1e-2, points=1500, ema=0.9)
LEAN = {"O": [(0, 0.3), (0, 1.2), (1, 0.5), (1, 2.0), (2, 0.8)], "H": [(0, 0.3), (0, 1.5), (1, 0.7)]}
"""So few functions that their exponents matter."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("grid")
    path = labelled(where, SPLITS, LEVEL)
    basis = AuxiliaryBasis({s: tuple(Shell(l, (a,), (1.0,)) for l, a in shells) for s, shells in LEAN.items()}, "lean")
    prior = free_atoms(["O", "H"], LEVEL)
    for name, keep in (("all", ("train", "validation", "test")), ("few", ("test",))):
        fit_labels(path, LEVEL, basis, prior, out=where / f"{name}.h5", keep_densities=keep)
        gather({1: [where / f"{name}.h5"]}, where / f"{name}.zip", basis, prior, {}, labels=Labels(max_floor=20.0))
    network = DensityNetworkSettings(**SMALL)
    train_density(Task(where / "all.zip", 1, where / "before.pt", where / "before.csv"), network, SHORT)
    train_grid(Task(where / "all.zip", 1, where / "after.pt", where / "after.csv"), where / "before.pt", LEVEL, GRID)
    return where


def error(folder, name):
    """Return the density errors on the test frames of a density network, with some energy network."""
    settings, brief = EnergyNetworkSettings(**SMALL), EnergyTraining(steps=2, validate_every=2)
    out = folder / f"{name}.model.pt"
    train_energy(Task(folder / "all.zip", 1, out, out.with_suffix(".csv")), folder / f"{name}.pt", settings, brief)
    dataset = Dataset.open(folder / "all.zip")
    frames = dataset[1].select("test")
    return density_errors(frames, predict(DenSNet.load(out), frames), dataset, LEVEL)


@pytest.mark.slow
def test_learns_below_the_floor_of_the_fit_by_stretching(folder):
    with open(folder / "after.csv") as file:
        history = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    before, after = error(folder, "before"), error(folder, "after")
    assert after["floor"] == before["floor"] <= before["model"]
    assert after["model"] < after["floor"]
    kept = min(history, key=lambda row: row["score"])
    assert kept["density_error_percent"] == pytest.approx(after["model"], rel=0.15)  # of another frame, on points


@pytest.mark.slow
def test_a_killed_training_continues(folder, tmp_path, monkeypatch):
    def start():
        train_grid(Task(folder / "all.zip", 1, tmp_path / "out.pt", tmp_path / "out.csv"), before, LEVEL, GRID)

    def dies(run):
        calls.append(None)
        if len(calls) == GRID.validate_every + 5:
            raise KeyboardInterrupt
        return step(run)

    before, step, calls = folder / "before.pt", trainer.Run.step, []
    monkeypatch.setattr(trainer.Run, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert not (tmp_path / "out.pt").exists()
    start()
    assert len(calls) == GRID.steps + 5  # those after the last checkpoint again
    states = [torch.load(path, weights_only=True)["state"] for path in (folder / "after.pt", tmp_path / "out.pt")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_only_the_grid_teaches_to_stretch(folder):
    before, after = (load_density(folder / f"{name}.pt")[0].exponent_scaling for name in ("before", "after"))
    assert before is None
    assert min(head.weight.abs().max().item() for head in after.heads) > 0


def test_without_densities_of_training_frames_it_says_what_to_do(folder, tmp_path):
    out = tmp_path / "grid.pt"
    with pytest.raises(DataError, match=r"no DFT densities of train frames; say labels\.keep_densities"):
        train_grid(Task(folder / "few.zip", 1, out, out.with_suffix(".csv")), folder / "before.pt", LEVEL, GRID)


@pytest.mark.parametrize("name", ["before", "after"])  # shells as they are, and stretched
def test_frames_together_have_the_errors_of_each(folder, name):
    from densnet.training.grid import _stage

    network, *_ = load_density(folder / f"{name}.pt")
    stage = _stage(network, Dataset.open(folder / "all.zip"), LEVEL, GRID, seed=1, device="cpu")
    together = stage.loss(network, range(len(stage.electrons)))
    alone = torch.stack([stage.loss(network, [k]) for k in range(len(stage.electrons))])
    torch.testing.assert_close(together, alone.mean(), rtol=1e-5, atol=0)


def test_points_and_weights_integrate_the_density(folder):
    from densnet.training.grid import grid_frames

    dataset, (network, *_) = Dataset.open(folder / "all.zip"), load_density(folder / "before.pt")
    frames = dataset[1].select("train")
    settings = GRID.model_copy(update={"points": 20_000})
    (frame, *_) = grid_frames(frames, network, dataset.free_atoms, LEVEL, settings, seed=1)
    percent = float(frame.target.abs().double() @ frame.weights.double())
    assert percent == pytest.approx(frames.prior_error[0], rel=0.05)
    again = grid_frames(frames, network, dataset.free_atoms, LEVEL, settings, seed=1)[0]
    np.testing.assert_array_equal(frame.points, again.points)
