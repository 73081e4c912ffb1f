"""The command line as a user meets it: files in, files out, one line when something is wrong."""

import json
import zipfile

import ase.io
import numpy as np
import pytest
from ase.build import molecule
from ase.io.cube import read_cube_data
from ase.units import Bohr, Hartree
from tests import toys
from tests.dynamics.springs import Bonds
from tests.training import labelled

from densnet import training
from densnet.cli import main
from densnet.config import Simulation, schema
from densnet.dynamics import h5md, md
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.files import sha256
from densnet.provenance import seed
from densnet.spectra import harmonic

TWO = toys.model(), toys.model(1)
STUDY = """
name: small
molecule: {name: water}
sampling: {one: {lengths: [1]}}
frames: {train: {1: 5}, validation: {1: 2}, test: {1: 2}}
simulation: {lengths: [1]}
"""


@pytest.fixture
def folder(tmp_path):
    toys.model().save(tmp_path / "model.pt")
    frames = [molecule("CH3OH"), molecule("H2O")]
    ase.io.write(tmp_path / "frames.xyz", frames)
    ase.io.write(tmp_path / "start.xyz", molecule("CH3OH"))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def refused(capsys, *arguments):
    """Run a command that must fail; return its single line."""
    assert main(["-q", *map(str, arguments)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].startswith("densnet: ")
    return "\n".join(lines)


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


def test_md_then_ir(folder, monkeypatch, capsys):
    # The toy model is no molecule to run for picoseconds; springs stand in for it.
    field = Bonds(molecule("CH3OH"))
    monkeypatch.setattr(md, "ModelField", lambda model, symbols: field)
    out = folder / "run.h5"
    arguments = ["--thermalisation", 0.1, "--production", 1.2, "--replicas", 2, "-o", out]
    assert main(["-q", "md", *map(str, (folder / "model.pt", folder / "start.xyz", *arguments))]) == 0
    trajectories = [folder / "run_0.h5", folder / "run_1.h5"]
    first, second = map(h5md.read, trajectories)
    assert len(first.dipole) == 601
    known = first.parameters
    assert (known["replica"], known["replicas"], known["batch"], known["given_seed"]) == (0, 2, 1, 1)
    assert known["models"] == [{"file": str(folder / "model.pt"), "sha256": sha256(folder / "model.pt")}]
    assert not np.allclose(first.dipole, second.dipole)
    capsys.readouterr()
    assert main(["ir", str(trajectories[0]), "--fwhm", "60", "-o", str(folder / "one.json")]) == 0
    found = json.loads((folder / "one.json").read_text())
    assert (found["wavenumber"][0], found["wavenumber"][-1]) == (400, 4000)
    assert found["standard_error"] is found["vibrational_density"]["standard_error"] is None
    printed = capsys.readouterr().err
    assert "km/mol per cm^-1" in printed
    assert "±" not in printed
    arguments = ["--fwhm", 60, "--range", 400, 4000, "-o", folder / "ir.json"]
    assert main(["-q", "ir", *map(str, (*trajectories, *arguments))]) == 0
    found = json.loads((folder / "ir.json").read_text())
    assert found["fwhm"] == 60
    assert len(found["replicas"]) == 2
    assert max(found["standard_error"]) > 0
    assert len(found["vibrational_density"]["mean"]) == len(found["wavenumber"])
    assert (folder / "ir.png").stat().st_size > 5000


def test_ir_needs_one_molecule_and_enough_time(folder, capsys):
    settings = Simulation(lengths=[1], thermalisation=0.01, production=0.1)
    for name in ("CH3OH", "H2O"):
        field = Bonds(molecule(name))
        md.run(field, field.atoms, settings, 1, folder / f"{name}.h5")
    message = refused(capsys, "ir", folder / "CH3OH.h5", folder / "H2O.h5", "-o", folder / "ir.json")
    assert "H2O.h5: another molecule" in message
    message = refused(capsys, "ir", folder / "H2O.h5", "-o", folder / "ir.json")
    assert "H2O.h5: trajectory of" in message
    assert "shorter than one segment" in message
    assert "simulation." not in message
    message = refused(capsys, "ir", folder / "H2O.h5", folder / "H2O.h5", "-o", folder / "ir.json")
    assert "H2O.h5: the same trajectory as" in message

    ir = "ir", folder / "H2O.h5", "-o", folder / "ir.json", "--fwhm", 900, "--range", 400, 9000
    assert main(["-q", *map(str, ir)]) == 0
    assert "show nothing above 8126 cm^-1" in capsys.readouterr().err


def test_ir_draws_modes_of_its_molecule_only(folder, capsys):
    field = Bonds(molecule("H2O"))
    settings = Simulation(lengths=[1], thermalisation=0.01, production=0.1)
    md.run(field, field.atoms, settings, 1, folder / "run.h5")
    modes = harmonic.Modes(np.ones(1), np.zeros((1, 6, 3)), np.ones(1))
    harmonic.write(folder / "modes.json", harmonic.result(molecule("CH3OH"), modes, method="DenSNet"))
    arguments = "ir", folder / "run.h5", "-o", folder / "ir.json", "--harmonic"
    message = refused(capsys, *arguments, folder / "modes.json")
    assert "modes.json: modes of CH4O, but " in message
    assert "run.h5 is of H2O" in message
    assert "not a harmonic result" in refused(capsys, *arguments, folder / "run.h5")
    assert not (folder / "ir.json").exists()


def test_harmonic(folder, monkeypatch):
    from densnet.dynamics import vibrations

    # Random weights have no minimum worth waiting for; what is tested is the way from the start to the file.
    monkeypatch.setattr(vibrations, "minimise", lambda atoms: None)
    out = folder / "harmonic.json"
    assert main(["-q", "harmonic", str(folder / "model.pt"), str(folder / "start.xyz"), "-o", str(out)]) == 0
    found = harmonic.read(out)
    assert len(found["frequencies"]) == 12
    assert found["modes"].shape == (12, 6, 3)
    assert found["model"] == {"file": str(folder / "model.pt"), "sha256": sha256(folder / "model.pt")}


def test_check_and_schema(folder, capsys):
    assert main(["check", str(folder / "study.yaml")]) == 0
    assert "sound" in capsys.readouterr().err
    assert main(["-q", "schema", "-o", str(folder / "schema.json")]) == 0
    assert json.loads((folder / "schema.json").read_text()) == schema()


def test_build(folder):
    assert main(["-q", "build", "CO", "-o", str(folder / "built.xyz")]) == 0
    assert str(ase.io.read(folder / "built.xyz").symbols) == "COH4"


def test_bad_input_is_one_line_that_names_the_cause(folder, capsys):
    model, start, out = folder / "model.pt", folder / "start.xyz", folder / "o.xyz"
    ase.io.write(folder / "salt.xyz", molecule("NaCl"))
    (folder / "text.xyz").write_text("no structure\n")
    assert "model knows" in refused(capsys, "predict", model, folder / "salt.xyz", "-o", out)
    assert "none.pt" in refused(capsys, "predict", folder / "none.pt", start, "-o", out)
    assert "none.xyz: not readable as structures (no such file)" in refused(
        capsys, "predict", model, folder / "none.xyz", "-o", out
    )
    assert "text.xyz: not readable" in refused(capsys, "predict", model, folder / "text.xyz", "-o", out)
    assert "text.xyz" in refused(capsys, "predict", folder / "text.xyz", start, "-o", out)
    assert "T300.1: trajectories are HDF5 files" in refused(capsys, "md", model, start, "-o", folder / "T300.1")
    assert "simulation.production: 1e-09 ps hold no frame" in refused(
        capsys, "md", model, start, "--production", "1e-9", "-o", folder / "a.h5"
    )
    assert "o.cube: a grid of" in refused(capsys, "cube", model, start, "--spacing", 0.002, "-o", folder / "o.cube")
    assert "models 1 and 2 of the ensemble have the same weights" in refused(
        capsys, "predict", model, model, start, "-o", out
    )
    assert "simulation.max_deviation: one model does not deviate" in refused(
        capsys, "md", model, start, "--max-deviation", "0.5", "-o", folder / "a.h5"
    )
    (folder / "study.yaml").write_bytes(b"\xff\xfe\x00")
    assert "study.yaml: not valid YAML" in refused(capsys, "check", folder / "study.yaml")
    ir = "ir", "a.h5", "-o", folder / "ir.json", "--range"
    assert "--range 3500 400: empty window" in refused(capsys, *ir, 3500, 400)
    assert "--range 500 530: too narrow for lines of --fwhm 12; give 36" in refused(capsys, *ir, 500, 530)
    assert "--range 500.2 500.3: too narrow" in refused(capsys, *ir, 500.2, 500.3, "--fwhm", 0.01)
    assert "'xylophone' is not a known molecule" in refused(capsys, "build", "Xylophone", "-o", out)
    assert not out.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        "ir a.h5 --fwhm -1",
        "ir a.h5 --fwhm nan",
        "predict m.pt a.xyz -o o.xyz --cube --spacing 0",
        "predict m.pt a.xyz -o o.xyz --cube --spacing -0.2",
        "cube m.pt a.xyz -o o.cube --margin 0",
        "md m.pt a.xyz --replicas 0",
        "md m.pt n.pt a.xyz --max-deviation 0",
        "md m.pt a.xyz --temperature -5",
        "md m.pt a.xyz --temperature inf",
        "md m.pt a.xyz --thermalisation inf",
        "md m.pt a.xyz --production inf",
        "build CO --length -1",
        "build CO --conformer -1",
    ],
)
def test_options_out_of_bounds_are_usage_errors(capsys, arguments):
    words = arguments.split()
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert f"argument {words[-2]}: {words[-1]} is" in capsys.readouterr().err


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
        out = folder / ("o.xyz" if command == "predict" else "o.h5")
        assert f"{called}: {message}" in refused(capsys, command, model, ion, "-o", out)
    assert f"{ion}, frame 1: {message}" in refused(capsys, "label", folder / "study.yaml", ion, "-o", folder / "l.h5")
    assert "empty.xyz: no atoms" in refused(capsys, "cube", model, folder / "empty.xyz", "-o", folder / "o.cube")
    for command in ("md", "harmonic"):
        message = refused(capsys, command, model, folder / "atom.xyz", "-o", folder / "o.h5")
        assert "atom.xyz: a single atom does not vibrate" in message


def test_md_run_again_keeps_what_is_complete(folder, monkeypatch, capsys):
    field, out = Bonds(molecule("CH3OH")), folder / "run.h5"
    monkeypatch.setattr(md, "ModelField", lambda model, symbols: field)
    arguments = [folder / "model.pt", folder / "start.xyz", "--thermalisation", 0.01, "--production", 0.01]
    command = ["md", *map(str, [*arguments, "--replicas", 2, "-o", out])]
    assert main(command) == 0
    (folder / "run_1.h5").unlink()
    before, field.calls = (folder / "run_0.h5").read_bytes(), 0
    assert main(command) == 0
    assert field.calls == 41
    assert "run_0.h5: complete already, not run again" in capsys.readouterr().err
    assert (folder / "run_0.h5").read_bytes() == before
    field.calls = 0
    (folder / "run_0.h5").unlink()
    message = refused(capsys, *command, "--seed", 2)
    assert "run_1.h5: exists, from other settings, another start, seed or model" in message
    assert field.calls == 0


def test_md_with_other_settings_keeps_what_is_unfinished(folder, monkeypatch, capsys):
    field, out = Bonds(molecule("CH3OH")), folder / "run.h5"
    monkeypatch.setattr(md, "ModelField", lambda model, symbols: field)
    monkeypatch.setattr(md, "CHECKPOINT", 10)
    arguments = [folder / "model.pt", folder / "start.xyz", "--thermalisation", 0.01, "--production", 0.01, "-o", out]
    command = ["md", *map(str, arguments)]
    with monkeypatch.context() as patched:
        patched.setattr(md.Replica, "finish", lambda self: 1 / 0)  # as if killed
        with pytest.raises(ZeroDivisionError):
            main(command)
    pieces = sorted(folder.glob("run.h5.part/*"))
    assert len(pieces) == 4
    message = refused(capsys, *command, "--temperature", 310)
    assert "run.h5.part: an unfinished trajectory of other settings" in message
    assert sorted(folder.glob("run.h5.part/*")) == pieces
    field.calls = 0
    assert main(command) == 0
    assert field.calls == 0


def test_md_goes_on_with_the_other_replicas(folder, monkeypatch, capsys):
    field, out = Bonds(molecule("CH3OH")), folder / "run.h5"

    def broken(positions):
        point = field(positions)
        return point._replace(forces=point.forces * (np.nan if field.calls == 30 else 1))

    monkeypatch.setattr(md, "ModelField", lambda model, symbols: broken)
    arguments = [folder / "model.pt", folder / "start.xyz", "--thermalisation", 0.01, "--production", 0.01]
    assert main(["-q", "md", *map(str, [*arguments, "--replicas", 3, "-o", out])]) == 2
    said = capsys.readouterr().err
    assert f"densnet: 1 of 3 runs stopped, for the reasons above: {folder / 'run_0.h5'}" in said
    assert "run_0.h5: stopped at step" in said
    assert sorted(path.name for path in folder.glob("run_*.h5")) == ["run_1.h5", "run_2.h5"]


def test_md_says_before_it_runs_what_ir_would_refuse(folder, monkeypatch, capsys):
    monkeypatch.setattr(md, "ModelField", lambda model, symbols: Bonds(molecule("CH3OH")))
    arguments = [folder / "model.pt", folder / "start.xyz", "--thermalisation", 0.01, "--production", 0.05]
    assert main(["-q", "md", *map(str, [*arguments, "--stride", 10, "-o", folder / "run.h5"])]) == 0
    assert "--stride 10: frames 10 fs apart show vibrations above" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "harmonic", "cube"])
def test_nothing_is_written_over_what_is_read(folder, capsys, command):
    start = folder / "start.xyz"
    before = start.read_bytes()
    assert "would be written over what this command reads" in refused(
        capsys, command, folder / "model.pt", start, "-o", start
    )
    assert start.read_bytes() == before


def test_build_refuses_a_conformer_that_is_not_there(folder, capsys):
    assert "no conformer 9; 1 found" in refused(capsys, "build", "O", "--conformer", 9, "-o", folder / "o.xyz")


def test_a_foreign_zip_is_no_dataset(folder, capsys):
    with zipfile.ZipFile(folder / "foreign.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    message = refused(capsys, "train", folder / "study.yaml", folder / "foreign.zip", "-o", folder / "m.pt")
    assert "foreign.zip: a zip file, but not a dataset" in message


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


def test_misspelt_study_key_is_explained(folder, capsys):
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace("lengths: [1]}\n", "lengths: [1], replica: 3}\n"))
    message = refused(capsys, "check", path)
    assert "simulation.replica: unknown key; did you mean 'replicas'?" in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{name: water}", "{name: watr}", "molecule.name: 'watr' is not a known molecule (did you mean water?)"),
        ("sampling:", "reference: {basis: STO-33G}\nsampling:", "reference.basis: no basis 'STO-33G' for H"),
        ("sampling:", "reference: {xc: PBEE}\nsampling:", "reference.xc: no functional 'PBEE'"),
        ("sampling:", "energy_network: {irreps: 3x1o}\nsampling:", "irreps '3x1o'"),
        ("sampling:", "variants: {odd: {energy_network: {irreps: 3x1o}}}\nsampling:", "irreps '3x1o'"),
    ],
)
def test_check_refuses_what_cannot_be_computed(folder, capsys, old, new, message):
    path = folder / "study.yaml"
    path.write_text(path.read_text().replace(old, new))
    assert message in refused(capsys, "check", path)


def test_unknown_command_and_missing_output_end_with_usage(capsys):
    for arguments in (["fly"], ["predict", "model.pt", "a.xyz"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "usage: densnet" in capsys.readouterr().err
