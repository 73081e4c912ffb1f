"""What physics demands of the model, whatever its weights."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from e3nn import o3
from scipy.spatial.transform import Rotation
from tests import toys

from densnet import observables
from densnet.models import radial

SINGLE = {kind: toys.model(1, kind) for kind in toys.KINDS}
DOUBLE = {kind: toys.model(1, kind).double() for kind in toys.KINDS}
BASIS, FREE_ATOMS = toys.basis(), toys.free_atoms()
TURN = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()


@pytest.fixture(params=toys.KINDS)
def kind(request):
    return request.param


@pytest.fixture
def model(kind):
    return SINGLE[kind]


@pytest.fixture
def double(kind):
    return DOUBLE[kind]


@pytest.fixture(params=[(SINGLE, 1e-5), (DOUBLE, 1e-10)], ids=["single", "double"])
def precise(request, kind):
    """A model and how exactly it obeys."""
    return request.param[0][kind], request.param[1]


def structure(name="CH3OH", seed=1):
    atoms = molecule(name)
    atoms.rattle(0.05, seed=seed)
    return atoms.get_chemical_symbols(), atoms.positions


def predict(model, *frames):
    return {name: value.numpy() for name, value in model.properties(model.graph(list(frames))).items()}


def close(a, b, tolerance=1e-5):
    """Equal to float32 by default: relative to the size of what is compared."""
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max()))


def binding(results, symbols):
    """Energy without that of the free atoms, which would hide every difference."""
    return results["energy"] - FREE_ATOMS.energy(symbols)


def coefficient_rotation(symbols, matrix):
    """Turn harmonics, not e3nn's Wigner matrices, whose Euler angles are not exact to double precision."""
    points = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    turned, blocks = points @ torch.as_tensor(matrix).T, []
    for symbol in symbols:
        for l, mul in BASIS.multiplicities(symbol).items():
            before, after = (o3.spherical_harmonics(l, one, normalize=True) for one in (points, turned))
            blocks.append(torch.kron(torch.eye(mul), torch.linalg.lstsq(before, after).solution.T))
    return torch.block_diag(*blocks).numpy()


@pytest.mark.parametrize("matrix", [TURN, -TURN, np.diag([1.0, -1.0, 1.0])], ids=["rotation", "improper", "mirror"])
def test_turning_the_molecule_turns_the_answer(matrix, precise):
    model, tolerance = precise
    symbols, positions = structure()
    before = predict(model, (symbols, positions))
    after = predict(model, (symbols, positions @ matrix.T))
    assert np.abs(before["forces"]).max() > 0.1 and np.abs(before["dipole"]).max() > 0.01
    close(binding(after, symbols), binding(before, symbols), tolerance)
    close(after["forces"], before["forces"] @ matrix.T, tolerance)
    close(after["dipole"], before["dipole"] @ matrix.T, tolerance)
    close(after["coefficients"], coefficient_rotation(symbols, matrix) @ before["coefficients"], tolerance)


def test_translation_changes_nothing(model):
    symbols, positions = structure()
    before = predict(model, (symbols, positions))
    after = predict(model, (symbols, positions + np.array([100.0, -50.0, 30.0])))
    close(binding(after, symbols), binding(before, symbols))
    for name in ("forces", "dipole", "coefficients"):
        close(after[name], before[name])
    close(before["forces"].sum(0), np.zeros(3))


def test_the_order_of_atoms_does_not_matter(precise):
    model, tolerance = precise
    symbols, positions = structure()
    order = np.random.default_rng(0).permutation(len(symbols))
    before = predict(model, (symbols, positions))
    after = predict(model, ([symbols[k] for k in order], positions[order]))
    close(binding(after, symbols), binding(before, symbols), tolerance)
    close(after["forces"], before["forces"][order], tolerance)
    close(after["dipole"], before["dipole"], tolerance)
    parts = np.split(before["coefficients"], BASIS.offsets(symbols)[1:-1])
    close(after["coefficients"], np.concatenate([parts[k] for k in order]), tolerance)


def test_single_and_double_precision_agree(model, double):
    frame = structure()
    one, other = predict(model, frame), predict(double, frame)
    assert (one["forces"] != other["forces"]).any()
    for name in ("forces", "dipole", "coefficients"):
        close(one[name], other[name])


def test_a_batch_is_its_frames(model):
    frames = [structure("CH3OH"), structure("H2O"), structure("CH4"), structure("H2O", seed=5)]
    batch, single = predict(model, *frames), [predict(model, frame) for frame in frames]
    for name in ("forces", "coefficients", "dipole"):
        close(batch[name], np.concatenate([one[name] for one in single]))
    close(batch["energy"], np.concatenate([one["energy"] for one in single]), 1e-9)


def test_frames_do_not_push_each_other(model):
    graph = model.graph([structure("CH3OH"), structure("H2O")])
    graph = graph.moved(graph.positions.requires_grad_(True))
    results = model(graph)
    for value in (results["energy"][0], results["dipole"][0].sum()):
        gradient = torch.autograd.grad(value, graph.positions, retain_graph=True)[0]
        assert gradient[:6].abs().max() > 1e-3
        assert gradient[6:].abs().max() == 0


@pytest.mark.parametrize("names", [("CH3OH", "H2O"), ("CH3CH2OH",), ("H2O", "CH3OH", "CH4")])
def test_no_net_charge_and_the_dipole_of_the_density(names, model):
    frames = [structure(name) for name in names]
    found = predict(model, *frames)
    coefficients, logarithms = found["coefficients"], found["logarithms"]
    for (symbols, positions), dipole in zip(frames, found["dipole"], strict=True):
        size = BASIS.offsets(symbols)[-1]
        basis, atoms = BASIS.stretched(symbols, logarithms[:size])
        charges, own = basis.charges(atoms), coefficients[:size]
        assert np.abs(charges * own).sum() > 1e-3
        assert abs(charges @ own) < 1e-12
        close(dipole, observables.dipole(basis, atoms, positions, own))
        coefficients, logarithms = coefficients[size:], logarithms[size:]
    assert len(coefficients) == 0


def across_the_cutoff(model, step, width=0.5):
    """Binding energy, coefficients and forces while a hydrogen atom leaves the reach of the carbon atom of CH.

    Its distance to the other hydrogen atom is beyond the cutoff all the time: one pair of neighbours comes and goes.
    """
    offsets = np.arange(-width, width + step / 2, step)
    found = []
    for x in model.cutoff + offsets:
        positions = np.array([[0.0, 0.0, 0.0], [-1.1, 0.0, 0.0], [x, 0.0, 0.0]])
        results = predict(model, (list("CHH"), positions))
        parts = binding(results, list("CHH")), results["coefficients"], results["forces"].ravel()
        found.append(np.concatenate(parts))
    return offsets, np.array(found)


def largest_change(model, step, width=0.5):
    return np.abs(np.diff(across_the_cutoff(model, step, width)[1], axis=0)).max()


def test_nothing_jumps_at_the_cutoff(double):
    offsets, values = across_the_cutoff(double, 0.05)
    outside = values[offsets > 1e-9]
    assert (outside == outside[0]).all()
    assert np.abs(values[0] - outside[0]).max() > 1e-3  # inside, the neighbour contributes
    # In proportion to the step, anywhere in the window.
    assert largest_change(double, 0.01) < 0.6 * largest_change(double, 0.02)
    assert largest_change(double, 1e-4, width=1e-2) < 1e-9


def test_a_jump_at_the_cutoff_would_be_seen(double, monkeypatch):
    monkeypatch.setattr(radial, "envelope", lambda distances, cutoff: (distances < cutoff).to(distances.dtype))
    assert largest_change(double, 0.01) > 0.9 * largest_change(double, 0.02)
    assert largest_change(double, 1e-4, width=1e-2) > 1e-3


def test_far_molecules_are_independent(model):
    one, two = structure("CH3OH"), structure("H2O")
    apart = (one[0] + two[0], np.concatenate([one[1], two[1] + [60.0, 0.0, 0.0]]))
    together, single = predict(model, apart), [predict(model, one), predict(model, two)]
    close(together["energy"], sum(part["energy"] for part in single), 1e-9)
    close(together["forces"], np.concatenate([part["forces"] for part in single]))


def difference(model, frame, atom, axis, name, step=4e-3):
    values = []
    for sign in (1, -1):
        moved = frame[1].copy()
        moved[atom, axis] += sign * step
        values.append(predict(model, (frame[0], moved))[name])
    return (values[0] - values[1]) / (2 * step)


def test_forces_and_dipole_derivatives_through_both_networks(model):
    frame = structure()
    forces = predict(model, frame)["forces"]
    derivatives = model.dipole_derivatives(model.graph([frame])).numpy().reshape(6, 3, 3)
    for atom, axis in ((0, 0), (1, 2), (3, 1), (5, 0)):
        numeric = -difference(model, frame, atom, axis, "energy")[0]
        assert numeric == pytest.approx(forces[atom, axis], abs=2e-3 * np.abs(forces).max())
        numeric = difference(model, frame, atom, axis, "dipole")[0]
        assert numeric == pytest.approx(derivatives[atom, axis], abs=2e-3 * np.abs(derivatives).max())


def test_the_energy_depends_on_the_density(model):
    graph = model.graph([structure()])
    coefficients = model.density(graph)
    doubled, without = model.energy(graph, 2 * coefficients), model.energy(graph, torch.zeros_like(coefficients))
    assert abs(float(doubled - without)) > 1e-4


def test_hessian_is_the_derivative_of_forces(model):
    frame = structure("H2O")
    hessian = model.hessian(model.graph([frame])).numpy()
    close(hessian, hessian.T, 1e-12)
    numeric = -difference(model, frame, 1, 2, "forces").ravel()
    assert hessian[5] == pytest.approx(numeric, abs=5e-3 * np.abs(hessian).max())
    close(hessian.reshape(9, 3, 3).sum(1), np.zeros((9, 3)), 1e-4)
