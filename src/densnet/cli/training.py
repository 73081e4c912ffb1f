"""Commands that make a model and say what it is."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from densnet.cli.options import command, output
from densnet.config import Study, load_study
from densnet.errors import DataError

log = logging.getLogger("densnet")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    train = command(commands, "train", run_train, "train both networks on a dataset")
    train.add_argument("study", type=Path)
    train.add_argument("dataset", type=Path)
    train.add_argument("--variant", help="one of the study's variants; default: the study as it is")
    output(train, "model.pt")
    info = command(commands, "info", run_info, "what a model is: elements, level of theory, training, test errors")
    info.add_argument("model", type=Path, help="model file, or the name of one that ships")


def run_train(given: argparse.Namespace) -> None:
    """Train the density network, then the energy network; on the grid, and both together, where the study says so."""
    from densnet.models.devices import torch_device
    from densnet.seeds import seed
    from densnet.training import Task, train_density, train_energy, train_grid, train_joint

    study, train_frames = load_study(given.study), None
    if given.variant:
        if given.variant not in study.variants:
            raise DataError(
                f"{given.study}: no variant '{given.variant}'; it has {', '.join(study.variants) or 'none'}"
            )
        study, train_frames = study.variant(given.variant), study.variants[given.variant].train_frames
    _check(study, given.dataset)
    device = torch_device(study.device)

    def task(name: str, out: Path) -> Task:
        # Seeds carry the names of the workflow's rules: the same study and dataset give the same model.
        return Task(given.dataset, seed(study.seed, name), out, out.with_suffix(".csv"), device, train_frames)

    density = given.out.with_suffix(".density.pt")
    train_density(task("train_density", density), study.density_network, study.density_training)
    if study.grid_training.steps:
        coefficients, density = density, given.out.with_suffix(".grid.pt")
        train_grid(task("train_grid", density), coefficients, study.reference, study.grid_training)
    energy = given.out.with_suffix(".energy.pt") if study.joint_training.steps else given.out
    train_energy(task("train_energy", energy), density, study.energy_network, study.energy_training)
    if study.joint_training.steps:
        train_joint(task("train_joint", given.out), energy, study.joint_training)


def _check(study: Study, path: Path) -> None:
    """Raise `DataError` at once where the dataset is not what the trainings need."""
    from densnet.dataset import Dataset

    dataset = Dataset.open(path)
    basis = dataset.meta.get("study", {}).get("basis")
    if basis not in (None, study.basis.key()):
        raise DataError(
            f"{path}: fitted with other settings than basis of the study; name its own dataset.zarr.zip (that of a "
            "variant with a basis lies in results/STUDY/variants/NAME, made by the rule refit)"
        )
    if study.grid_training.steps:
        dataset.require_densities()


def run_info(given: argparse.Namespace) -> None:
    """Write what a model file is."""
    from densnet.report.card import card

    sys.stdout.write(card(given.model))
