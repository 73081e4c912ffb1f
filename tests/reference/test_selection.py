"""Splits that do not leak, and picks that cover."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io.trajectory import Trajectory

from densnet.config import Selection
from densnet.errors import ConfigError, DataError
from densnet.reference import selection

COUNTS = {"train": 6, "validation": 2, "test": 3}


@pytest.fixture
def trajectories(tmp_path):
    """Two campaigns of three replicas with ten frames each."""
    paths = {}
    for campaign in ("cold", "hot"):
        for replica in range(3):
            path = tmp_path / f"{campaign}{replica}.traj"
            rng = np.random.default_rng(replica + 10 * (campaign == "hot"))
            with Trajectory(path, "w") as file:
                for step in range(10):
                    atoms = molecule("CH3OH")
                    atoms.positions += rng.normal(size=(6, 3)) * 0.1
                    atoms.info = {"step": step}
                    file.write(atoms)
            paths[campaign, replica] = path
    return paths


@pytest.mark.parametrize("method", ["kmeans", "farthest-point"])
def test_splits_never_share_a_replica(tmp_path, trajectories, method):
    out = tmp_path / "frames.extxyz"
    selection.select(trajectories, COUNTS, Selection(method=method), seed=1, out=out)
    frames = ase.io.read(out, index=":")
    owners = {}
    for frame in frames:
        owners.setdefault((frame.info["campaign"], frame.info["replica"]), set()).add(frame.info["split"])
    assert all(len(splits) == 1 for splits in owners.values())
    splits = [frame.info["split"] for frame in frames]
    assert {split: splits.count(split) for split in COUNTS} == COUNTS
    assert len({(f.info["campaign"], f.info["replica"], f.info["step"]) for f in frames}) == len(frames)


def test_polar_tensors_are_wanted_of_training_frames_throughout(tmp_path, trajectories):
    out = tmp_path / "frames.extxyz"
    selection.select(trajectories, COUNTS, Selection(), seed=1, out=out, polar=3)
    frames = ase.io.read(out, index=":")
    assert [k for k, frame in enumerate(frames) if frame.info.get("polar")] == [0, 2, 4]
    assert frames[4].info["split"] == "train"


def test_every_split_sees_every_campaign_when_it_can(trajectories):
    frames = {key: selection._read(path, key) for key, path in trajectories.items()}
    pools = selection.by_replica(frames, {"train": 2, "validation": 2, "test": 2})
    for pool in pools.values():
        assert {frame.info["campaign"] for frame in pool} == {"cold", "hot"}


def test_campaigns_of_unequal_size_are_in_every_split():
    sizes = {"aimd-300": 10, "aimd-500": 10, "xtb-500": 14}
    frames = {(name, k): [Atoms("H", info={"campaign": name})] * 36 for name, n in sizes.items() for k in range(n)}
    pools = selection.by_replica(frames, {"train": 800, "validation": 100, "test": 200})
    for split, pool in pools.items():
        names = [frame.info["campaign"] for frame in pool]
        assert len(set(names)) > 1
        assert names.count("xtb-500") < 0.7 * len(names), split


def test_training_sees_every_start_conformer_and_no_split_sees_one_campaign_alone():
    sizes = {"chains-500": 4, "chains-800": 3}
    frames = {
        (name, k): [Atoms("H", info={"campaign": name, "start": k % 4})] * 9
        for name, n in sizes.items()
        for k in range(n)
    }
    pools = selection.by_replica(frames, {"train": 36, "validation": 4, "test": 15}, conformers=4)
    assert {frame.info["start"] for frame in pools["train"]} == {0, 1, 2, 3}
    for split in ("train", "test"):
        assert {frame.info["campaign"] for frame in pools[split]} == set(sizes), split
    assert sum(map(len, pools.values())) == 7 * 9


@pytest.mark.parametrize("conformers", [2, 3])
def test_every_split_sees_every_start_conformer_when_it_can(conformers):
    frames = {(name, k): [Atoms("H", info={"start": k % conformers})] for name in ("a", "b") for k in range(12)}
    pools = selection.by_replica(frames, {"train": 250, "validation": 60, "test": 60}, conformers)
    for split, pool in pools.items():
        assert {frame.info["start"] for frame in pool} == set(range(conformers)), split


def test_blocks_of_time_keep_a_gap(trajectories):
    frames = {key: selection._read(path, key) for key, path in trajectories.items()}
    pools = selection.by_block(frames, COUNTS)
    steps = {split: {frame.info["step"] for frame in pool} for split, pool in pools.items()}
    assert max(steps["train"]) + 1 < min(steps["validation"])
    assert max(steps["validation"]) + 1 < min(steps["test"])


def test_selection_is_reproducible_and_depends_on_the_seed(tmp_path, trajectories):
    texts = []
    for k, seed in enumerate((1, 1, 2)):
        selection.select(trajectories, COUNTS, Selection(), seed=seed, out=tmp_path / f"{k}.extxyz")
        texts.append((tmp_path / f"{k}.extxyz").read_text())
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"train": 99, "validation": 2, "test": 3}, r"frames.train: 99 frames wanted"),
        ({f"split{k}": 1 for k in range(7)}, "split by block"),
    ],
)
def test_too_few_frames_or_replicas_are_said(tmp_path, trajectories, counts, message):
    with pytest.raises(ConfigError, match=message):
        selection.select(trajectories, counts, Selection(), seed=1, out=tmp_path / "frames.extxyz")
    assert not (tmp_path / "frames.extxyz").exists()


def test_a_damaged_trajectory_is_named(tmp_path, trajectories):
    path = trajectories["hot", 1]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"hot1\.traj"):
        selection.select(trajectories, COUNTS, Selection(), seed=1, out=tmp_path / "frames.extxyz")


@pytest.mark.parametrize("method", ["kmeans", "farthest-point"])
def test_picks_cover_all_clusters(method):
    rng = np.random.default_rng(0)
    centres = np.arange(5)[:, None] * 10.0
    points = (centres[:, None] + rng.normal(size=(5, 20, 1)) * 0.1).reshape(100, 1)
    picked = selection.pick(points, 5, method, rng)
    assert sorted(index // 20 for index in picked) == [0, 1, 2, 3, 4]


def test_picking_everything_and_duplicates(recwarn):
    points = np.zeros((4, 2))
    assert selection.pick(points, 4, "kmeans", np.random.default_rng(0)) == [0, 1, 2, 3]
    assert not recwarn.list


def test_features_do_not_see_motion_or_order():
    atoms = molecule("CH3OH")
    moved = atoms.copy()
    moved.rotate(50, (1, 2, 3))
    moved.positions += 7
    moved = moved[[0, 1, 4, 2, 5, 3]]
    assert moved.symbols.get_chemical_formula() == atoms.symbols.get_chemical_formula()
    by_symbol = [sorted(range(6), key=lambda i, a=a: str(a.symbols[i])) for a in (atoms, moved)]
    first, second = (a[order] for a, order in zip((atoms, moved), by_symbol, strict=True))
    np.testing.assert_allclose(selection.features([first]), selection.features([second]), atol=1e-10)
