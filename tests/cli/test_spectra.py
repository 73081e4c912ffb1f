"""`densnet ir`: from trajectories to a spectrum and its figure."""

import json

import numpy as np
import pytest
from ase.build import molecule
from tests.cli.commands import refused
from tests.dynamics.springs import Bonds

from densnet.cli import main
from densnet.config import Simulation
from densnet.dynamics import h5md, md
from densnet.files import sha256
from densnet.spectra import harmonic


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
    heavy = molecule("H2O")
    heavy.set_masses([15.999, 2.014, 2.014])
    modes = harmonic.Modes(np.ones(1), np.zeros((1, 3, 3)), np.ones(1))
    harmonic.write(folder / "modes.json", harmonic.result(heavy, modes, method="DenSNet"))
    assert "modes.json: modes of other isotopes than those of" in refused(capsys, *arguments, folder / "modes.json")
    assert not (folder / "ir.json").exists()


@pytest.mark.parametrize("reverse", [False, True])
def test_ir_draws_modes_of_its_isotopes_only(folder, capsys, reverse):
    def deuterated(place):
        atoms = molecule("CH3OH")
        masses = atoms.get_masses()
        masses[place] = 2.014
        atoms.set_masses(masses)
        return atoms

    hydroxyl, methyl = molecule("CH3OH").symbols.indices()["H"][[0, -1]]
    run, out = folder / "run.h5", folder / "ir.json"
    atoms, settings = deuterated(hydroxyl), Simulation(lengths=[1], thermalisation=0.01, production=1.0)
    md.run(Bonds(atoms), atoms, settings, 1, run)
    modes = harmonic.Modes(np.ones(1), np.zeros((1, 6, 3)), np.ones(1))
    arguments = "ir", run, "-o", out, "--fwhm", 60, "--harmonic", folder / "modes.json"
    harmonic.write(folder / "modes.json", harmonic.result(deuterated(methyl), modes, method="DenSNet"))
    assert "modes of other isotopes than those of" in refused(capsys, *arguments)
    own = deuterated(hydroxyl)[::-1] if reverse else deuterated(hydroxyl)
    harmonic.write(folder / "modes.json", harmonic.result(own, modes, method="DenSNet"))
    assert main(["-q", *map(str, arguments)]) == 0
