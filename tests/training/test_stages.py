"""Both networks trained on a dataset whose answer is known, and refusals."""

import csv
import shutil

import numpy as np
import pytest
import torch
from tests import toys
from tests.training import labelled

from densnet.config import DensityNetworkSettings, DensityTraining, EnergyTraining, JointTraining
from densnet.dataset import Dataset
from densnet.errors import DataError, ModelError
from densnet.models.densnet import DenSNet
from densnet.training import trainer
from densnet.training.density import load_density, train_density
from densnet.training.energy import _stage, train_energy
from densnet.training.jacobian import coefficients_and_jacobian
from densnet.training.joint import train_joint
from densnet.training.task import Task

SMALL = DensityNetworkSettings(irreps="8x0e+8x1o+4x2e", layers=1, cutoff=3.5, radial=6, radial_hidden=8)
DENSITY = DensityTraining(steps=150, batch=4, learning_rate=1e-2, validate_every=50)
JOINT = JointTraining(steps=100, batch=4, validate_every=25, learning_rate=3e-3)
ENERGY = EnergyTraining(steps=150, batch=4, learning_rate=1e-2, validate_every=50, energy_weight=0.1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    data = labelled.dataset(folder)
    train_density(Task(data, 1, folder / "density.pt", folder / "density.csv"), SMALL, DENSITY)
    task = Task(data, 1, folder / "model.pt", folder / "energy.csv")
    train_energy(task, folder / "density.pt", toys.energy(SMALL), ENERGY)
    return folder


def rows(path):
    with open(path) as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_both_networks_learn(trained):
    density, energy = rows(trained / "density.csv"), rows(trained / "energy.csv")
    assert density[-1]["density_error"] < 0.7  # one is what the mean of the training frames gives
    assert energy[-1]["loss"] < 0.5 * energy[0]["loss"]
    assert energy[-1]["force_mae_mev_per_angstrom"] < 0.8 * energy[0]["force_mae_mev_per_angstrom"]
    assert not list(trained.glob("*.checkpoint"))


@pytest.mark.slow
def test_both_networks_learn_with_the_other_trunk(trained, tmp_path):
    small = DensityNetworkSettings(trunk="phisnet", irreps="6x0e+6x1o+6x2e", layers=1, cutoff=3.5, radial=6)
    data, out = (
        trained / "dataset.zip",
        [tmp_path / name for name in ("density.pt", "density.csv", "model.pt", "e.csv")],
    )
    brief = {"steps": 80, "validate_every": 20}
    train_density(Task(data, 1, *out[:2]), small, DENSITY.model_copy(update=brief))
    train_energy(Task(data, 1, *out[2:]), out[0], toys.energy(small), ENERGY.model_copy(update=brief))
    density, energy = rows(out[1]), rows(out[3])
    assert density[-1]["density_error"] < 0.8
    assert energy[-1]["loss"] < 0.5 * energy[0]["loss"]
    assert energy[-1]["force_mae_mev_per_angstrom"] < 0.8 * energy[0]["force_mae_mev_per_angstrom"]


def test_an_energy_network_without_the_density(trained, tmp_path):
    blind, data = toys.energy(SMALL, density=False), trained / "dataset.zip"
    train_energy(Task(data, 1, tmp_path / "model.pt", tmp_path / "energy.csv"), trained / "density.pt", blind, ENERGY)
    assert rows(tmp_path / "energy.csv")[-1]["loss"] < 0.5 * rows(tmp_path / "energy.csv")[0]["loss"]
    model, seeing = DenSNet.load(tmp_path / "model.pt"), DenSNet.load(trained / "model.pt")
    graph = model.graph([labelled_frame()])
    coefficients = model.density(graph)
    for one, depends in ((model, False), (seeing, True)):
        change = one.energy(graph, 2 * coefficients) - one.energy(graph, coefficients)
        assert (change.abs().item() > 1e-6) == depends
    assert torch.equal(model(graph)["dipole"], seeing(graph)["dipole"])  # of the same density network
    properties = model.properties(graph)
    step = torch.zeros_like(graph.positions)
    step[1, 2] = 4e-3
    up, down = (model(graph.moved(graph.positions + sign * step))["energy"] for sign in (1, -1))
    scale = float(properties["forces"].abs().max())
    assert -(up - down).item() / 8e-3 == pytest.approx(properties["forces"][1, 2].item(), abs=5e-3 * scale)


def labelled_frame():
    symbols, positions = labelled.frames("H2O", 1, seed=9)
    return symbols, positions[0]


@pytest.mark.parametrize("loss", ["coefficients", "on-site"])
def test_fewer_frames_and_other_losses(trained, tmp_path, loss):
    short = DENSITY.model_copy(update={"steps": 50, "loss": loss})
    data, out = trained / "dataset.zip", (tmp_path / "density.pt", tmp_path / "density.csv")
    train_density(Task(data, 1, *out, train_frames=3), SMALL, short)
    about = load_density(out[0])[3]
    assert sum(about["frames"].values()) == 3
    assert about["settings"]["loss"] == loss
    task = Task(data, 1, tmp_path / "m.pt", tmp_path / "e.csv", train_frames={1: 2})
    train_energy(task, out[0], toys.energy(SMALL), ENERGY)
    assert DenSNet.load(tmp_path / "m.pt").metadata["energy_training"]["frames"] == {"1": 2}


def test_polar_tensors_teach_how_the_dipole_changes(tmp_path):
    data = labelled.dataset(tmp_path, polar=True)
    symbols, positions = labelled_frame()
    teacher, errors = toys.model(7), {}
    expected = teacher.dipole_derivatives(teacher.graph([(symbols, positions)]))
    for weight in (0.0, 1.0):
        out = tmp_path / f"{weight}.pt"
        train_density(
            Task(data, 1, out, tmp_path / "d.csv"), SMALL, DENSITY.model_copy(update={"polar_weight": weight})
        )
        student = DenSNet(load_density(out)[0], teacher.energy, toys.basis(), toys.free_atoms())
        found = student.dipole_derivatives(student.graph([(symbols, positions)]))
        errors[weight] = float((found - expected).norm() / expected.norm())
    assert errors[1.0] < 0.7 * errors[0.0]


def test_joint_training_looks_at_polar_tensors_too(tmp_path):
    data, (density, model) = labelled.dataset(tmp_path, polar=True), (tmp_path / "density.pt", tmp_path / "model.pt")
    symbols, positions = labelled_frame()
    teacher, errors = toys.model(7), {}
    expected = teacher.dipole_derivatives(teacher.graph([(symbols, positions)]))
    train_density(Task(data, 1, density, tmp_path / "d.csv"), SMALL, DENSITY.model_copy(update={"polar_weight": 0.0}))
    train_energy(Task(data, 1, model, tmp_path / "e.csv"), density, toys.energy(SMALL), ENERGY)
    for weight in (0.0, 1.0):
        out = tmp_path / f"{weight}.pt"
        train_joint(Task(data, 1, out, tmp_path / "j.csv"), model, JOINT.model_copy(update={"polar_weight": weight}))
        student = DenSNet.load(out)
        found = student.dipole_derivatives(student.graph([(symbols, positions)]))
        errors[weight] = float((found - expected).norm() / expected.norm())
    assert errors[1.0] < 0.8 * errors[0.0]


def test_the_model_file_is_what_was_validated(trained):
    model, frames = DenSNet.load(trained / "model.pt"), dict(Dataset.open(trained / "dataset.zip").of("validation"))
    errors = []
    for one in frames.values():
        for positions, forces in zip(one.positions, one.forces, strict=True):
            errors.append(model.properties(model.graph([(one.symbols, positions)]))["forces"].numpy() - forces)
    expected = 1e3 * np.abs(np.concatenate(errors)).mean()
    found = model.metadata["energy_training"]["best"]["force_mae_mev_per_angstrom"]
    assert found == pytest.approx(expected, abs=2e-4)  # training multiplies by a Jacobian in single precision
    assert model.metadata["density_training"]["best"] in rows(trained / "density.csv")


def test_training_again_gives_the_same_bits(trained, tmp_path):
    task = Task(trained / "dataset.zip", 1, tmp_path / "density.pt", tmp_path / "density.csv")
    train_density(task, SMALL, DENSITY)
    one, two = load_density(trained / "density.pt")[0], load_density(tmp_path / "density.pt")[0]
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


@pytest.mark.parametrize("kind", ["density", "energy", "joint"])
def test_a_killed_training_continues(trained, joint, tmp_path, monkeypatch, kind):
    def start():
        made = out, history = tmp_path / OUT[kind], tmp_path / f"{kind}.csv"
        if kind == "density":
            train_density(Task(data, 1, *made), SMALL, DENSITY)
        elif kind == "energy":
            train_energy(Task(data, 1, out, history), trained / "density.pt", toys.energy(SMALL), ENERGY)
        else:
            train_joint(Task(data, 1, out, history), trained / "model.pt", JOINT)

    data, step, calls = trained / "dataset.zip", trainer.Run.step, []

    def dies(run):
        calls.append(None)
        if len(calls) == dying:
            raise KeyboardInterrupt
        return step(run)

    steps, every = (JOINT.steps, JOINT.validate_every) if kind == "joint" else (ENERGY.steps, ENERGY.validate_every)
    dying = every + every // 2
    monkeypatch.setattr(trainer.Run, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        start()
    assert not (tmp_path / OUT[kind]).exists() and len(list(tmp_path.glob("*.checkpoint"))) == 1
    start()
    assert len(calls) == dying + steps - every
    assert rows(tmp_path / f"{kind}.csv") == rows(trained / f"{kind}.csv")
    states = [torch.load(folder / OUT[kind], weights_only=True)["state"] for folder in (trained, tmp_path)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    start()  # what is trained is not trained again
    assert len(calls) == dying + steps - every


OUT = {"density": "density.pt", "energy": "model.pt", "joint": "joint.pt"}


@pytest.mark.slow
def test_trainings_in_two_processes(trained, tmp_path):
    """Water and methane in one batch: shares of unequal size, and frames of unequal size."""
    data, twice = trained / "dataset.zip", {"processes": 2}
    density, energy = DENSITY.model_copy(update=twice), ENERGY.model_copy(update={**twice, "steps": 3, "batch": 3})
    train_density(Task(data, 1, tmp_path / "density.pt", tmp_path / "density.csv"), SMALL, density)
    assert rows(tmp_path / "density.csv")[0]["score"] == pytest.approx(rows(trained / "density.csv")[0]["score"], 0.05)
    for name, settings in (("two", energy), ("one", energy.model_copy(update={"processes": 1}))):
        out = tmp_path / f"{name}.pt", tmp_path / f"{name}.csv"
        train_energy(Task(data, 1, *out), trained / "density.pt", toys.energy(SMALL), settings)
        both = JOINT.model_copy(update={"processes": settings.processes, "steps": 3, "batch": 3})
        train_joint(Task(data, 1, tmp_path / f"{name}_joint.pt", tmp_path / f"{name}_joint.csv"), out[0], both)
    for kind in ("", "_joint"):
        (one,), (two,) = rows(tmp_path / f"one{kind}.csv"), rows(tmp_path / f"two{kind}.csv")
        assert two["score"] == pytest.approx(one["score"], rel=1e-4)
    assert not list(tmp_path.glob("*.checkpoint"))
    with pytest.raises(DataError, match="no frames in the validation split"):
        train_density(Task(labelled.dataset(tmp_path, counts=(3, 0, 0)), 1, *out), SMALL, density)


def test_jacobian_of_the_coefficients():
    model = toys.model(2)
    symbols, positions = labelled.frames("H2O", 1, seed=3)
    graph = model.graph([(symbols, positions[0])])
    coefficients, jacobian = coefficients_and_jacobian(model.density, graph)
    moved = graph.moved(graph.positions.clone().requires_grad_(True))
    again = model.density(moved)
    assert torch.equal(coefficients, again.detach())
    for row in (0, 7, len(again) - 1):
        expected = torch.autograd.grad(again[row], moved.positions, retain_graph=True)[0].flatten().float()
        torch.testing.assert_close(jacobian[row], expected, atol=1e-6, rtol=1e-5)


def test_training_forces_are_those_of_the_model(trained):
    model, dataset = DenSNet.load(trained / "model.pt"), Dataset.open(trained / "dataset.zip")
    stage = _stage(model, dataset, ENERGY, "cpu")  # it sets the shifts anew, so compare with this model
    energy, forces = stage._errors(model.energy, stage.train[:7], create_graph=False)
    for k, frame in enumerate(stage.train[:7]):
        found = model.properties(frame.graph)
        size = len(frame.forces)
        expected = found["forces"].float() - frame.forces
        torch.testing.assert_close(forces[:size].detach(), expected, atol=2e-4, rtol=1e-4)
        atoms = model.free_energy[frame.graph.species].sum()
        assert energy[k].item() == pytest.approx(float(found["energy"] - atoms - frame.energy) / size, abs=1e-5)
        forces = forces[size:]


def test_refusals(trained, tmp_path):
    out = (tmp_path / "density.pt", tmp_path / "density.csv")
    labelled_only = labelled.dataset(tmp_path, counts=(3, 0, 1))
    with pytest.raises(DataError, match="no frames in the validation split"):
        train_density(Task(labelled_only, 1, *out), SMALL, DENSITY)
    shutil.copy(trained / "dataset.zip", tmp_path / "dataset.zip")
    with pytest.raises(ModelError, match="holds a DenSNet"):
        train_energy(Task(tmp_path / "dataset.zip", 1, *out), trained / "model.pt", toys.energy(SMALL), ENERGY)
    with pytest.raises(DataError, match=r"cannot be read|not a readable"):
        train_density(Task(tmp_path / "absent.zip", 1, *out), SMALL, DENSITY)


@pytest.fixture(scope="module")
def joint(trained):
    task = Task(trained / "dataset.zip", 1, trained / "joint.pt", trained / "joint.csv")
    train_joint(task, trained / "model.pt", JOINT)
    return DenSNet.load(trained / "joint.pt")


def test_trained_together_both_networks_move_and_improve(trained, joint):
    first, last = rows(trained / "joint.csv")[0], rows(trained / "joint.csv")[-1]
    density, energy = rows(trained / "density.csv")[-1], rows(trained / "energy.csv")[-1]
    assert last["score"] < first["score"]
    assert last["density_error"] < density["density_error"]
    assert last["force_mae_mev_per_angstrom"] < energy["force_mae_mev_per_angstrom"]
    before = DenSNet.load(trained / "model.pt")
    for network in ("density", "energy"):
        pairs = zip(getattr(before, network).parameters(), getattr(joint, network).parameters(), strict=True)
        assert any(not torch.equal(a, b) for a, b in pairs)
    assert set(joint.metadata) == {*before.metadata, "joint_training"}


def test_what_joint_training_validates_is_what_the_model_gives(trained, joint):
    """Its first validation, at a learning rate that changes nothing, is where the two trainings ended."""
    still = JointTraining(steps=1, batch=1, validate_every=1, learning_rate=1e-12)
    data, out = trained / "dataset.zip", (trained / "still.pt", trained / "still.csv")
    train_joint(Task(data, 1, *out), trained / "model.pt", still)
    (found,) = rows(out[1])
    about = DenSNet.load(trained / "model.pt").metadata
    density, energy = about["density_training"]["best"], about["energy_training"]["best"]
    for name in ("density_error", "dipole_mae_debye"):
        assert found[name] == pytest.approx(density[name], rel=1e-4)
    for name in ("energy_mae_mev_per_atom", "force_mae_mev_per_angstrom"):
        assert found[name] == pytest.approx(energy[name], rel=1e-2)
    expected = 1e-3 * (0.1 * found["energy_mae_mev_per_atom"] + 0.9 * found["force_mae_mev_per_angstrom"])
    # Frames of all sizes weigh alike in the score, and their atoms in the mean of the forces.
    assert found["score"] == pytest.approx(expected + density["score"], rel=5e-4)
    assert found["score"] != pytest.approx(density["score"], rel=5e-4)
