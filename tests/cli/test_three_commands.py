"""As a new user would: from a molecule that is in no study to its spectrum, with a model that ships."""

import json

import ase.io
import pytest

from densnet.cli import main
from densnet.dynamics import h5md

RINGS = "c1ccc(s1)" + "-c1ccc(s1)" * 5 + "-c1cccs1"


@pytest.mark.slow
def test_from_a_smiles_to_a_spectrum(tmp_path):
    """Seven rings; the run is as brief as the spectrum allows."""
    start, run, out = tmp_path / "start.xyz", tmp_path / "run.h5", tmp_path / "infrared.json"
    brief = "--thermalisation", 0.02, "--production", 0.06, "--timestep", 1.0, "--no-compile"
    lines = "--fwhm", 900, "--range", 400, 4000
    for command in (
        ("build", RINGS, "-o", start),
        ("md", "polythiophene", start, *brief, "-o", run),
        ("ir", run, *lines, "-o", out),
    ):
        assert main(["-q", *map(str, command)]) == 0
    assert ase.io.read(start).get_chemical_formula() == "C28H16S7"
    trajectory, found = h5md.read(run), json.loads(out.read_text())
    assert trajectory.dipole.shape == (31, 3)
    assert 100 < trajectory.temperature.mean() < 600
    assert (found["wavenumber"][0], found["wavenumber"][-1]) == (400, 4000)
    # Seven rings absorb some hundreds of km/mol, which a run as brief as this one finds within an order of magnitude.
    assert 50 < found["area"] < 5000
    assert out.with_suffix(".png").stat().st_size > 5000
