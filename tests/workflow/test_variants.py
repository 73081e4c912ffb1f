"""Variants of the tiny study: trained on its labels, compared in one table."""

import csv

import pytest

from densnet.dynamics import h5md
from densnet.models.densnet import DenSNet

pytestmark = pytest.mark.slow

VARIANTS = """
variants:
  few: {train_frames: 6}
  joint: {joint_training: {steps: 20, validate_every: 10}}
  blind: {energy_network: {density: false}, energy_training: {steps: 20, validate_every: 10}}
  minimal: {basis: {prior: minao}, density_training: {steps: 20, validate_every: 10},
            energy_training: {steps: 20, validate_every: 10}}
  grid: {grid_training: {flexible: true, steps: 10, validate_every: 5, points: 300},
         energy_training: {steps: 20, validate_every: 10}}
  second: {seed: 2, density_training: {steps: 20, validate_every: 10}, energy_training: {steps: 20, validate_every: 10}}
"""


def test_variants_are_trained_and_compared(lived_in):
    study = lived_in.root / "workflow" / "studies" / "tiny.yaml"
    study.write_text(study.read_text() + VARIANTS)
    assert lived_in.planned() == {}  # the study itself is what it was
    assert lived_in.planned(target="variants") == {
        "refit": 1, "train_density_variant": 3, "train_grid_variant": 1, "train_energy_variant": 5,
        "train_joint_variant": 1, "evaluate_variant": 6,
        "compare_variants": 1, "plot_learning": 1,
    }  # fmt: skip
    result = lived_in.run("variants")
    assert result.returncode == 0, result.stdout
    results = lived_in.root / "results" / "tiny"
    with open(results / "report" / "variants.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == [
        name for name in ("as is", "few", "joint", "blind", "minimal", "grid", "second") for _ in range(3)
    ]
    assert {row["variant"]: row["train_frames"] for row in rows} == {
        "as is": "24",
        "few": "6",
        "joint": "24",
        "blind": "24",
        "minimal": "24",
        "grid": "24",
        "second": "24",
    }
    assert all(float(row["force_mae_mev_angstrom"]) > 0 and float(row["training_seconds"]) > 0 for row in rows)
    assert rows[0]["dipole_mae_debye"] == rows[9]["dipole_mae_debye"] != rows[18]["dipole_mae_debye"]  # one density
    assert "</svg>" in (results / "report" / "learning.svg").read_text()
    few = DenSNet.load(results / "variants" / "few" / "energy" / "model.pt").metadata
    assert sum(few["density_training"]["frames"].values()) == sum(few["energy_training"]["frames"].values()) == 6
    driven = study.read_text().replace(
        "simulation: {", "simulation: {batch: 2, ensemble: [second], max_deviation: 1000.0, "
    )
    study.write_text(driven)
    assert lived_in.planned()["simulate_0_to_1"] == 2
    assert lived_in.run("results/tiny/md/1/0.h5").returncode == 0
    first, second = (h5md.read(results / "md" / "1" / f"{replica}.h5") for replica in range(2))
    assert [one.parameters["replica"] for one in (first, second)] == [0, 1]
    assert not (first.position == second.position).all()
