"""`densnet md`: replicas, repeats, and runs that stop."""

import re

import numpy as np
import pytest
from ase.build import molecule
from tests.cli.commands import refused
from tests.dynamics.springs import Bonds

from densnet.cli import main
from densnet.dynamics import md


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
    capsys.readouterr()
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


def test_md_says_how_wide_the_lines_of_a_short_run_are(folder, monkeypatch, capsys):
    monkeypatch.setattr(md, "ModelField", lambda model, symbols: Bonds(molecule("CH3OH")))
    arguments = [folder / "model.pt", folder / "start.xyz", "--thermalisation", 0.01, "--stride", 1]
    assert main(["-q", "md", *map(str, [*arguments, "--production", 0.2, "-o", folder / "short.h5"])]) == 0
    said = capsys.readouterr().err
    width = int(re.search(r"--production 0\.2: .* will want --fwhm (\d+) or more", said)[1])
    spectrum = ["-q", "ir", str(folder / "short.h5"), "-o", str(folder / "short.json"), "--fwhm"]
    assert main([*spectrum, str(width)]) == 0
    assert main([*spectrum, str(0.9 * width)]) == 2
