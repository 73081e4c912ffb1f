"""A folder with what the commands take: a model, structures, a study."""

import ase.io
import pytest
from ase.build import molecule
from tests import toys

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
