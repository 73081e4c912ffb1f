"""One line when something is wrong, whatever the command."""

import ase.io
import pytest
from ase.build import molecule
from tests.cli.commands import refused

from densnet.cli import main


def test_bad_input_is_one_line_that_names_the_cause(folder, capsys):
    model, start, out = folder / "model.pt", folder / "start.xyz", folder / "o.xyz"
    ase.io.write(folder / "salt.xyz", molecule("NaCl"))
    (folder / "text.xyz").write_text("no structure\n")
    for command, written in (("predict", out), ("md", folder / "a.h5"), ("harmonic", folder / "h.json")):
        message = refused(capsys, command, model, folder / "salt.xyz", "-o", written)
        assert "model knows" in message and "structure has Cl Na: give" in message
    message = refused(capsys, "predict", "ethanol", folder / "salt.xyz", "-o", out)
    assert "salt.xyz, frame 0: model knows C H O" in message
    assert "may know too little" not in message
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


def test_build_refuses_a_conformer_that_is_not_there(folder, capsys):
    assert "no conformer 9; 1 found" in refused(capsys, "build", "O", "--conformer", 9, "-o", folder / "o.xyz")


def test_unknown_command_and_missing_output_end_with_usage(capsys):
    for arguments in (["fly"], ["predict", "model.pt", "a.xyz"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert "usage: densnet" in capsys.readouterr().err
