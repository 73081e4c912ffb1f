"""One model file: everything comes back, and nothing else is accepted."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.build import molecule
from tests import toys

from densnet.config import DensityNetworkSettings
from densnet.errors import ConfigError, ModelError
from densnet.models import store
from densnet.models.densnet import DenSNet
from densnet.models.graph import build_graph

DATA = Path(__file__).parents[1] / "data"
SMALL = DensityNetworkSettings(irreps="4x0e+4x1o+2x2e", layers=1, cutoff=3.0)


@pytest.fixture
def frames():
    atoms = molecule("CH3OH")
    return [(atoms.get_chemical_symbols(), atoms.positions)]


@pytest.fixture(params=toys.KINDS)
def model(request):
    made = toys.model(3, request.param)
    torch.manual_seed(5)
    for buffers in (made.density.whitening, made.energy.whitening):  # every normalisation must be in the file
        for element, size in enumerate(made.density.layout.sizes.tolist()):
            scale = torch.diag(torch.rand(1).double() + torch.ones(size, dtype=torch.float64))
            buffers.set(element, torch.zeros(size, dtype=torch.float64), scale)
    made.energy.shift.normal_()
    made.energy.scale.fill_(1.7)
    made.metadata = {"study": "toy", "errors": {"force": 0.1}}
    return made


def test_round_trip(model, frames, tmp_path):
    model.save(tmp_path / "model.pt")
    again = DenSNet.load(tmp_path / "model.pt")
    before, after = model.properties(model.graph(frames)), again.properties(again.graph(frames))
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert again.metadata == model.metadata
    assert again.basis == model.basis and again.free_atoms == model.free_atoms


def test_a_file_of_an_older_version_gives_the_numbers_it_gave_then(frames):
    # Written by the first version, which knew one trunk only and always read the density.
    model, expected = DenSNet.load(DATA / "model-format-1.pt"), json.loads((DATA / "model-format-1.json").read_text())
    assert (model.density.config.trunk, model.energy.config.trunk, model.energy.config.density) == (
        "gaunt",
        "gaunt",
        True,
    )
    found = model.properties(model.graph(frames))
    for name, tolerance in (("energy", 1e-5), ("forces", 1e-4), ("dipole", 1e-6)):
        np.testing.assert_allclose(found[name], expected[name], atol=tolerance, rtol=0)
    assert model.metadata["energy_training"]["densnet"] == "0.1.0"


@pytest.mark.parametrize("small", toys.SMALL.values(), ids=toys.SMALL)
def test_an_untrained_model_predicts_free_atoms(frames, small):
    model = DenSNet.create(toys.basis(), toys.free_atoms(), small, toys.energy(small))
    results = model.properties(model.graph(frames))
    assert results["coefficients"].abs().max() == 0
    assert results["dipole"].abs().max() == 0
    atoms = toys.free_atoms().energy(frames[0][0])
    assert abs(float(results["energy"]) - atoms) < 60  # repulsion and random weights: eV, against 3 keV


def test_another_version_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FORMAT", store.FORMAT + 1)
    model.save(tmp_path / "model.pt")
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"model\.pt: format 2; this version reads format 1"):
        DenSNet.load(tmp_path / "model.pt")


@pytest.mark.parametrize("change", ["tensor", "irreps", "no irreps", "free_atoms", "no basis", "no network"])
def test_networks_of_another_version_are_refused(model, tmp_path, change):
    path = tmp_path / "model.pt"
    model.save(path)
    description, state = store.read_archive(path, store.MODEL)
    if change == "tensor":
        state.pop("energy.shift")
    elif change == "irreps":
        description["energy"]["irreps"] = "3x0e+3x1o"
    elif change == "no irreps":
        description["energy"]["irreps"] = "banana"
    elif change == "no basis":
        description["basis"] = {}
    elif change == "no network":
        description["density"] = None
    else:
        description.pop(change)
    store.write_archive(path, store.MODEL, description, state)
    with pytest.raises(ModelError, match=r"model\.pt: does not hold the networks that this version makes"):
        DenSNet.load(path)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_damaged_file_is_refused(model, tmp_path, place):
    model.save(tmp_path / "model.pt")
    content = bytearray((tmp_path / "model.pt").read_bytes())
    start = int(place * len(content))
    content[start : start + 400] = bytes(byte ^ 0xFF for byte in content[start : start + 400])
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.pt: .*damaged"):
        DenSNet.load(tmp_path / "model.pt")


def test_a_changed_tensor_is_noticed(model, tmp_path):
    model.save(tmp_path / "model.pt")
    archive = torch.load(tmp_path / "model.pt", weights_only=True)
    archive["state"]["energy.shift"] += 1e-6
    torch.save(archive, tmp_path / "model.pt")
    with pytest.raises(ModelError, match="checksum"):
        DenSNet.load(tmp_path / "model.pt")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        DenSNet.load(tmp_path / "absent.pt")
    (tmp_path / "text.pt").write_text("not a model")
    with pytest.raises(ModelError, match="not a model file"):
        DenSNet.load(tmp_path / "text.pt")
    store.write_archive(tmp_path / "half.pt", "DensityNetwork", {}, {"x": torch.zeros(2)})
    with pytest.raises(ModelError, match="holds a DensityNetwork, a DenSNet was asked for"):
        DenSNet.load(tmp_path / "half.pt")


def test_unknown_network_settings_are_named(model, tmp_path):
    model.save(tmp_path / "model.pt")
    description, state = store.read_archive(tmp_path / "model.pt", "DenSNet")
    description["energy"]["attention"] = 4
    store.write_archive(tmp_path / "newer.pt", "DenSNet", description, state)
    with pytest.raises(ModelError, match=r"newer\.pt: network settings .*\(attention\)"):
        DenSNet.load(tmp_path / "newer.pt")


def test_unknown_elements_are_refused():
    with pytest.raises(ModelError, match="model knows H C O; structure has Cl"):
        toys.model().graph([(["C", "Cl"], np.eye(2, 3))])


def test_a_basis_beyond_the_irreps_is_refused():
    with pytest.raises(ConfigError, match=r"ends at l = 1, the auxiliary basis at l = 2"):
        DenSNet.create(toys.basis(), toys.free_atoms(), DensityNetworkSettings(irreps="4x0e+4x1o"), toys.energy(SMALL))


@pytest.mark.parametrize("cutoffs", [(2.0, 4.0), (4.0, 2.0)])
def test_each_network_sees_to_its_own_cutoff_and_no_further(cutoffs):
    density, energy = (toys.SMALL["gaunt"].model_copy(update={"cutoff": cutoff}) for cutoff in cutoffs)
    torch.manual_seed(0)
    model = DenSNet.create(toys.basis(), toys.free_atoms(), density, toys.energy(energy))
    for parameter in model.requires_grad_(False).parameters():
        parameter.normal_(0.0, 0.3)
    frames = [(["C", "H", "H", "O"], np.array([[0.0, 0, 0], [1.1, 0, 0], [0, 1.1, 0], [-2.3, 0.8, 0.4]]))]
    short, whole = model.graph(frames), build_graph(frames, model.elements, 4.0)
    assert short.near == (2.0, 2)
    for name, found in model.properties(short).items():
        torch.testing.assert_close(found, model.properties(whole)[name], atol=1e-5, rtol=1e-5)
