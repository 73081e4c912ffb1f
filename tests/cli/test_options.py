"""What the commands share: names of files to write, structures to read."""

import ase.io
import pytest
from ase.build import molecule
from ase.constraints import FixAtoms

from densnet.cli import main
from densnet.cli.options import read_molecule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("predict m.pt a.xyz -o o.traj", "o.traj ends in '.traj'; end it in one of .xyz .extxyz"),
        ("export d.zip -o o.traj", "o.traj ends in '.traj'; end it in one of .xyz .extxyz"),
        ("build CO -o start.pdb", "start.pdb ends in '.pdb'; end it in one of .xyz .extxyz .traj"),
        ("build CO -o start", "start ends in ''; end it in one of .xyz"),
        ("ir a.h5 -o fig.png", "fig.png ends in '.png'; end it in one of .json"),
        ("cube m.pt a.xyz -o rho.txt", "rho.txt ends in '.txt'; end it in one of .cube .cub"),
        ("md m.pt a.xyz -o .", ". is a folder; name a file"),
        ("harmonic m.pt a.xyz -o .", ". is a folder; name a file"),
    ],
)
def test_names_that_cannot_be_written_are_usage_errors(capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    assert f"argument -o/--out: {message}" in capsys.readouterr().err


def test_of_several_structures_the_last_is_taken_and_said(tmp_path, caplog):
    ase.io.write(tmp_path / "frames.xyz", [molecule("CH3OH"), molecule("H2O")])
    caplog.set_level("INFO")
    assert len(read_molecule(tmp_path / "frames.xyz")) == 3
    assert "frames.xyz: the last of 2 structures is taken" in caplog.text


def test_constraints_are_left_out(tmp_path, caplog):
    held = molecule("H2O")
    held.set_constraint(FixAtoms([0]))
    ase.io.write(tmp_path / "held.traj", held)
    assert not read_molecule(tmp_path / "held.traj").constraints
    assert "held.traj: its constraints are left out" in caplog.text


def test_a_name_with_an_at_sign_is_a_name(tmp_path):
    ase.io.write(tmp_path / "start.xyz", molecule("CH3OH"))
    (tmp_path / "start.xyz").rename(tmp_path / "start@0.xyz")
    assert len(read_molecule(tmp_path / "start@0.xyz")) == 6
