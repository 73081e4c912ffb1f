"""Errors of a model against frames whose errors are known."""

import json

import numpy as np
import pytest
from ase.build import molecule
from ase.units import Debye
from tests import toys
from tests.training.labelled import about_fits

from densnet.config import SPLITS, Reference
from densnet.dataset import Dataset, gather
from densnet.errors import DataError
from densnet.frames import KEPT, PER_FRAME, FrameFile
from densnet.report import evaluation

REFERENCE = Reference(basis="sto-3g", grid_level=0)
PACKED = 7 * 8 // 2  # lower triangle of water's density matrix


def structures(symbol, count, seed):
    atoms, rng = molecule(symbol), np.random.default_rng(seed)
    return atoms.get_chemical_symbols(), atoms.positions + rng.normal(0, 0.05, (count, len(atoms), 3))


def write_labels(path, model, symbols, positions, split, density_matrices=()):
    """Fitted labels: energies 5 meV below the model's, forces 0.03 eV/Å and dipoles 0.1 D along x away."""
    found = [
        {name: value.numpy() for name, value in model.properties(model.graph([(symbols, p)])).items()}
        for p in positions
    ]
    count, size = len(positions), model.basis.offsets(symbols)[-1]
    columns = dict.fromkeys(PER_FRAME, np.zeros(count)) | {
        "positions": positions,
        "energy": np.array([f["energy"][0] for f in found]) - 5e-3,
        "forces": np.array([f["forces"] for f in found]) + 0.03,
        "dipole": np.array([f["dipole"][0] for f in found]) + np.array([0.1 * Debye, 0, 0]),
        "coefficients": np.zeros((count, size)),
        "split": np.full(count, SPLITS.index(split)),
        "prior_error": np.arange(count) + 5.0,
        "floor_error": np.full(count, 0.25),
        "density_matrix": np.array(density_matrices).reshape(len(density_matrices), PACKED),
        "density_matrix_frame": np.arange(count)[-len(density_matrices) or count :],
    }
    names, about = tuple(f"toy/replica 0/step {k}" for k in range(count)), about_fits(model.basis, model.free_atoms)
    FrameFile(tuple(symbols), names, {name: columns[name] for name in (*PER_FRAME, *KEPT)}, about).write(path)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    from pyscf import dft, gto, lib

    folder, model = tmp_path_factory.mktemp("evaluation"), toys.model()
    symbols, positions = structures("H2O", 5, 0)
    mol = gto.M(atom=list(zip(symbols, positions[-1], strict=True)), basis="sto-3g", verbose=0)
    matrix = lib.pack_tril(dft.RKS(mol, xc="PBE").set(grids=dft.Grids(mol).set(level=0)).run().make_rdm1())
    write_labels(folder / "train.h5", model, symbols, positions[:2], "train")
    write_labels(folder / "test.h5", model, symbols, positions[2:], "test", [matrix])
    longer, far = structures("CH3OH", 2, 1)
    write_labels(folder / "far.h5", model, longer, far, "test")
    chunks = {1: [folder / "train.h5", folder / "test.h5"], 2: [folder / "far.h5"]}
    gather(chunks, folder / "dataset.zarr.zip", model.basis, model.free_atoms, {})
    model.save(folder / "model.pt")
    found = evaluation.evaluate(folder / "dataset.zarr.zip", folder / "model.pt", REFERENCE, folder / "evaluation.json")
    return folder, found


def row(found, split, length):
    return next(r for r in found["errors"] if (r["split"], r["length"]) == (split, length))


def test_errors_are_those_that_were_put_in(case):
    _, found = case
    for split, length, frames, atoms in (("train", 1, 2, 3), ("test", 1, 3, 3), ("test", 2, 2, 6)):
        errors = row(found, split, length)
        assert (errors["frames"], errors["atoms"]) == (frames, atoms)
        assert errors["energy_mae_mev"] == pytest.approx(5, abs=1e-2)
        assert errors["energy_mae_mev_atom"] == pytest.approx(5 / atoms, abs=1e-2)
        assert errors["energy_mae_centred_mev"] == pytest.approx(0, abs=1e-2)
        assert errors["force_mae_mev_angstrom"] == pytest.approx(30, abs=0.1)
        assert errors["dipole_mae_debye"] == pytest.approx(0.1, abs=1e-4)


def test_three_densities_on_the_same_frames(case):
    from densnet.reference.grid_errors import density_error

    folder, found = case
    density = row(found, "test", 1)["density"]
    dataset = Dataset.open(folder / "dataset.zarr.zip")
    frames, model = dataset[1].select("test"), toys.model()
    coefficients = model.properties(model.graph([(list(frames.symbols), frames.positions[2])]))["coefficients"]
    expected = density_error(
        frames.symbols, frames.positions[2], frames.density_matrix[0], coefficients.numpy(), dataset.basis,
        dataset.free_atoms, REFERENCE,
    )  # fmt: skip
    assert density["frames"] == 1
    assert density["model"] == pytest.approx(expected, rel=1e-4)
    assert density["prior"] == 7.0
    assert density["floor"] == 0.25
    assert row(found, "test", 2)["density"]["model"] is None


def test_overlap_only_where_there_is_training(case):
    _, found = case
    assert 0.005 < row(found, "test", 1)["overlap_angstrom"] < 0.3
    assert row(found, "test", 2)["overlap_angstrom"] is None
    assert found["train_lengths"] == [1]


def test_parity_pairs_reference_and_prediction(case):
    _, found = case
    pairs = np.array(found["parity"]["1"]["forces"])
    assert pairs.shape == (3 * 3 * 3, 2)
    assert pairs[:, 0] - pairs[:, 1] == pytest.approx(np.full(27, 0.03), abs=1e-4)
    energies = np.array(found["parity"]["1"]["energy"])
    assert energies[:, 0].mean() == pytest.approx(0, abs=1e-4)
    assert energies[:, 1] - energies[:, 0] == pytest.approx(np.full(3, 5 / 3), abs=1e-2)


def test_file_holds_what_was_returned(case):
    folder, found = case
    assert evaluation.read(folder / "evaluation.json") == json.loads(json.dumps(found))
    (folder / "broken.json").write_text("{}")
    with pytest.raises(DataError, match=r"broken\.json"):
        evaluation.read(folder / "broken.json")
