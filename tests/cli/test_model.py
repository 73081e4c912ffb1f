"""Commands that take a model and a structure: predict, cube, harmonic."""

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from ase.io.cube import read_cube_data, write_cube
from ase.units import Bohr, Hartree
from tests import toys
from tests.cli.commands import refused

from densnet.cli import main
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.files import sha256
from densnet.spectra import harmonic

TWO = toys.model(), toys.model(1)


def test_predict_writes_energy_forces_and_dipole(folder):
    assert (
        main(["-q", "predict", str(folder / "model.pt"), str(folder / "frames.xyz"), "-o", str(folder / "o.xyz")]) == 0
    )
    found = ase.io.read(folder / "o.xyz", index=":")
    assert [len(atoms) for atoms in found] == [6, 3]
    model = toys.model()
    for atoms in found:
        expected = model.properties(model.graph([(atoms.get_chemical_symbols(), atoms.positions)]))
        assert atoms.get_potential_energy() == pytest.approx(float(expected["energy"]), abs=1e-4)
        assert atoms.get_forces() == pytest.approx(expected["forces"].numpy(), abs=1e-4)
        assert atoms.get_dipole_moment() == pytest.approx(expected["dipole"][0].numpy(), abs=1e-5)


def test_predict_with_several_models_writes_their_deviations(folder):
    toys.model(1).save(folder / "other.pt")
    models = (folder / "model.pt", folder / "other.pt")
    assert main(["-q", "predict", *map(str, models), str(folder / "frames.xyz"), "-o", str(folder / "o.xyz")]) == 0
    for atoms in ase.io.read(folder / "o.xyz", index=":"):
        each = [model.properties(model.graph([(atoms.get_chemical_symbols(), atoms.positions)])) for model in TWO]
        energies, forces = ([one[name].numpy() for one in each] for name in ("energy", "forces"))
        assert atoms.get_potential_energy() == pytest.approx(np.mean(energies), abs=1e-4)
        assert atoms.info["energy_std"] == pytest.approx(np.std(energies, ddof=1), abs=1e-4)
        assert atoms.arrays["forces_std"] == pytest.approx(np.std(forces, axis=0, ddof=1), abs=1e-4)
        assert atoms.info["dipole_std"].shape == (3,)


def test_predict_writes_a_cube_for_each_frame(folder):
    arguments = ["--cube", "--spacing", "0.3", "-o", folder / "o.xyz"]
    assert main(["-q", "predict", *map(str, (folder / "model.pt", folder / "frames.xyz", *arguments))]) == 0
    for index, electrons in enumerate((18, 10)):
        data, atoms = read_cube_data(str(folder / f"o_{index:04d}.cube"))
        voxel = atoms.cell.volume / data.size / 0.529177210903**3
        assert data.sum() * voxel == pytest.approx(electrons, rel=0.03)


@pytest.mark.parametrize(
    ("quantity", "function", "unit", "integral"),
    [
        ("density", "get_density", Bohr**-3, 18),
        ("difference", "get_density_difference", Bohr**-3, 0),
        ("potential", "get_electrostatic_potential", Hartree, None),
    ],
)
def test_cube_files_hold_what_they_say(folder, quantity, function, unit, integral):
    out = folder / "space.cube"
    arguments = ["--quantity", quantity, "--spacing", "0.25", "--margin", "3.5", "-o", out]
    assert main(["-q", "cube", *map(str, (folder / "model.pt", folder / "start.xyz", *arguments))]) == 0
    data, read = read_cube_data(str(out))
    start = ase.io.read(folder / "start.xyz")
    assert read.positions == pytest.approx(start.positions, abs=1e-5)
    if integral is not None:
        assert data.sum() * (0.25 / Bohr) ** 3 == pytest.approx(integral, abs=0.02)
    point = start.positions.min(axis=0) - 3.5 + 0.25 * np.array([11, 12, 9])
    calculator = DenSNetCalculator(folder / "model.pt")
    expected = getattr(calculator, function)([point], start)[0] / unit
    assert data[11, 12, 9] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_harmonic(folder, monkeypatch):
    from densnet.dynamics import vibrations

    # Random weights have no minimum worth waiting for; what is tested is the way from the start to the file.
    monkeypatch.setattr(vibrations, "minimise", lambda atoms: None)
    out = folder / "harmonic.json"
    assert main(["-q", "harmonic", str(folder / "model.pt"), str(folder / "start.xyz"), "-o", str(out)]) == 0
    found = harmonic.read(out)
    assert len(found["frequencies"]) == 12
    assert found["modes"].shape == (12, 6, 3)
    assert (folder / "harmonic.png").stat().st_size > 5000
    assert found["model"] == {"file": str(folder / "model.pt"), "sha256": sha256(folder / "model.pt")}


def test_lines_too_narrow_to_draw_are_refused_before_any_work(folder, capsys):
    message = refused(capsys, "harmonic", folder / "no-model.pt", folder / "start.xyz", "--fwhm", 0.5)
    assert "--fwhm 0.5: too narrow for a figure; give 1 cm^-1 or more" in message


def test_structures_that_are_not_served_are_named_before_any_work(folder, capsys):
    frames = [molecule("H2O"), molecule("H2O")]
    frames[1].info["charge"] = 1
    ase.io.write(folder / "ion.extxyz", frames)
    (folder / "empty.xyz").write_text("0\n\n")
    ase.io.write(folder / "atom.xyz", molecule("O"))
    ion, model = folder / "ion.extxyz", folder / "no-model.pt"
    by_moments, by_name = molecule("O2"), molecule("H2O")
    by_moments.set_initial_magnetic_moments([1, 1])
    by_name.info["multiplicity"] = 3
    for excited in (by_moments, by_name):
        ase.io.write(folder / "excited.extxyz", excited)
        assert "; only closed shells are served" in refused(
            capsys, "predict", model, folder / "excited.extxyz", "-o", folder / "o.xyz"
        )
    message = "has the charge +1; only neutral molecules are served"
    for command, called in (("predict", f"{ion}, frame 1"), ("cube", ion), ("md", ion), ("harmonic", ion)):
        out = folder / {"predict": "o.xyz", "cube": "o.cube", "md": "o.h5", "harmonic": "o.json"}[command]
        assert f"{called}: {message}" in refused(capsys, command, model, ion, "-o", out)
    assert f"{ion}, frame 1: {message}" in refused(capsys, "label", folder / "study.yaml", ion, "-o", folder / "l.h5")
    assert "empty.xyz: no atoms" in refused(capsys, "cube", model, folder / "empty.xyz", "-o", folder / "o.cube")
    for command, out in (("md", "o.h5"), ("harmonic", "o.json")):
        message = refused(capsys, command, model, folder / "atom.xyz", "-o", folder / out)
        assert "atom.xyz: a single atom does not vibrate" in message


@pytest.mark.parametrize("command", ["predict", "harmonic", "cube"])
def test_nothing_is_written_over_what_is_read(folder, capsys, command):
    start = folder / "start.xyz"
    if command == "cube":
        start = folder / "start.cube"
        ase.io.write(start, molecule("CH3OH"), data=np.zeros((2, 2, 2)))
    if command == "harmonic":
        start = folder / "start.json"
        ase.io.write(start, molecule("CH3OH"))
    before = start.read_bytes()
    assert "would be written over what this command reads" in refused(
        capsys, command, folder / "model.pt", start, "-o", start
    )
    assert start.read_bytes() == before


@pytest.mark.parametrize("name", ["o_0000.cube", "o.cub", "o.CUBE"])
def test_cube_files_are_read_and_not_written_over(folder, capsys, name):
    start = folder / name
    with start.open("w") as file:
        write_cube(file, molecule("CH3OH"), data=np.zeros((2, 2, 2)))
    before = start.read_bytes()
    command = ["predict", folder / "model.pt", start, "--cube", "--spacing", 0.5, "-o", folder / "o.xyz"]
    if name == "o_0000.cube":
        assert "o_0000.cube: would be written over what this command reads" in refused(capsys, *command)
        assert not (folder / "o.xyz").exists()
    else:
        assert main(["-q", *map(str, command)]) == 0
    assert start.read_bytes() == before


def test_an_unknown_element_is_found_before_any_work(folder, capsys):
    frames = folder / "mixed.xyz"
    ase.io.write(frames, [molecule("H2O"), molecule("SiH4")])
    command = "predict", folder / "model.pt", frames, "--cube", "--spacing", 0.5, "-o", folder / "o.xyz"
    assert "mixed.xyz, frame 1: model knows" in refused(capsys, *command)
    assert not list(folder.glob("o*"))
