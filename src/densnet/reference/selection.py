"""Which frames are labelled, and which split each belongs to."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from densnet import seeds
from densnet.config import Selection
from densnet.errors import ConfigError, DataError
from densnet.files import atomic

log = logging.getLogger(__name__)

GAP = 0.05
"""Share of a trajectory that is left out between two blocks of time."""

Key = tuple[str, int]


def select(
    trajectories: dict[Key, Path],
    counts: dict[str, int],
    selection: Selection,
    *,
    seed: int,
    out: str | Path,
    conformers: int = 1,
    polar: int = 0,
) -> None:
    """Pick frames for each split and write them as extended XYZ.

    Frames say in ``info`` their split, campaign, replica and step, and whether polar tensors are wanted. They carry no
    energies: those along a trajectory are not at the level of the labels.

    Parameters
    ----------
    trajectories
        Trajectory files of one chain length, by campaign and replica.
    counts
        Frames wanted for each split.
    selection
        How.
    seed
        Seed of the study.
    out
        The ``.extxyz`` file, training frames first.
    conformers
        From how many conformers the replicas started in turn.
    polar
        Training frames of which polar tensors are wanted, spread evenly.

    Raises
    ------
    ConfigError
        When there are fewer replicas than splits, or fewer frames than wanted.
    DataError
        When a trajectory cannot be read.
    """
    frames = {key: _read(path, key) for key, path in trajectories.items()}
    pools = by_replica(frames, counts, conformers) if selection.split == "replica" else by_block(frames, counts)
    chosen = []
    for split, pool in pools.items():
        if len(pool) < counts[split]:
            raise ConfigError(
                f"frames.{split}: {counts[split]} frames wanted, {len(pool)} sampled for it; raise replicas or steps, "
                "or lower stride, of the sampling campaigns"
            )
        rng = np.random.default_rng(seeds.seed(seed, "select", split, str(pool[0].symbols)))
        for index in pick(features(pool), counts[split], selection.method, rng):
            frame = pool[index].copy()
            frame.calc = None
            frame.info = {"split": split, **{k: frame.info[k] for k in ("campaign", "replica", "step")}}
            chosen.append(frame)
        log.info("%s: %d of %d frames", split, counts[split], len(pool))
    trained = [frame for frame in chosen if frame.info["split"] == "train"]
    for index in np.linspace(0, len(trained), min(polar, len(trained)), endpoint=False).astype(int):
        trained[index].info["polar"] = True
    with atomic(out) as temporary:
        ase.io.write(temporary, chosen, format="extxyz", columns=["symbols", "positions"])


def _read(path: Path, key: Key) -> list[Atoms]:
    try:
        frames = ase.io.read(path, index=":")
    except Exception as error:
        raise DataError(f"{path}: not a readable trajectory ({error}); delete it and run the sample rule") from None
    for frame in frames:
        frame.info.update(campaign=key[0], replica=key[1])
    return frames


def by_replica(frames: dict[Key, list[Atoms]], counts: dict[str, int], conformers: int = 1) -> dict[str, list[Atoms]]:
    """Deal whole replicas to the splits, in proportion to their frames and at least one to each.

    A split takes the replica whose campaign and start conformer it has least of, so that every split sees all that it
    can; the largest split, which is to know them all, goes first.
    """
    if len(frames) < len(counts):
        raise ConfigError(
            f"selection.split: replica needs a replica for each of {', '.join(counts)}; there are {len(frames)}. Raise "
            "the campaigns' replicas, or split by block"
        )
    shares = dict(zip(counts, _apportion(list(counts.values()), len(frames)), strict=True))
    traits = {key: (key[0], key[1] % conformers) for key in sorted(frames)}
    sizes = Counter(chain.from_iterable(traits.values()))
    pools: dict[str, list[Atoms]] = {split: [] for split in counts}
    for split in sorted(shares, key=shares.__getitem__, reverse=True):
        held: Counter[str | int] = Counter()
        for _ in range(shares[split]):
            left = Counter(chain.from_iterable(traits.values()))
            key = min(traits, key=lambda key: _excess(traits[key], held, sizes, left))
            held.update(traits.pop(key))
            pools[split] += frames[key]
    return pools


def _excess(own: tuple[str | int, ...], held: Counter, sizes: Counter, left: Counter) -> tuple[float, int]:
    """Return how much a split already has of the traits of a replica; between equals, those of which most are left."""
    return round(sum(held[trait] / sizes[trait] for trait in own), 9), -sum(left[trait] for trait in own)


def _apportion(weights: Sequence[int], seats: int) -> list[int]:
    """Return at least one seat for each weight, the rest where a seat stands for the most weight."""
    given = [1] * len(weights)
    for _ in range(seats - len(weights)):
        given[int(np.argmax(np.array(weights) / given))] += 1
    return given


def by_block(frames: dict[Key, list[Atoms]], counts: dict[str, int]) -> dict[str, list[Atoms]]:
    """Cut every trajectory into one block of time for each split, with a gap between blocks."""
    edges = np.cumsum([0, *counts.values()]) / sum(counts.values())
    pools: dict[str, list[Atoms]] = {split: [] for split in counts}
    for key in sorted(frames):
        n = len(frames[key])
        gap = max(1, round(GAP * n)) if len(counts) > 1 else 0
        for split, start, stop in zip(counts, edges, edges[1:], strict=False):
            first = round(start * n) + (gap if start > 0 else 0)
            pools[split] += frames[key][first : round(stop * n)]
    return pools


def features(frames: Sequence[Atoms]) -> np.ndarray:
    """Return the interatomic distances of each frame, sorted within each pair of elements, shape (frames, pairs)."""
    return distance_features(np.array([frame.positions for frame in frames]), list(frames[0].symbols))


def distance_features(positions: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Return the sorted distances of positions (frames, atoms, 3); equal atoms may be exchanged without a change."""
    first, second = np.triu_indices(len(symbols), 1)
    distances = np.linalg.norm(positions[:, first] - positions[:, second], axis=2)
    names = np.array(["".join(sorted((symbols[i], symbols[j]))) for i, j in zip(first, second, strict=True)])
    return np.concatenate([np.sort(distances[:, names == name], axis=1) for name in sorted(set(names))], axis=1)


def pick(points: np.ndarray, count: int, method: str, rng: np.random.Generator) -> list[int]:
    """Return the indices of ``count`` points that cover all of them, ascending.

    Parameters
    ----------
    points
        (points, features).
    count
        How many.
    method
        ``kmeans``: the point nearest each centroid. ``farthest-point``: each next point is the one furthest from
        those picked, starting at the one nearest the mean.
    rng
        Random stream of the first centroids.
    """
    if method == "farthest-point":
        return sorted(_farthest(points, [], count))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty cluster, which is dealt with below
        centroids, _ = kmeans2(points, count, minit="++", rng=rng)
    picked: list[int] = []
    for index in cdist(centroids, points).argsort(axis=1)[:, 0]:
        if index not in picked:
            picked.append(int(index))
    return sorted(_farthest(points, picked, count))


def _farthest(points: np.ndarray, picked: list[int], count: int) -> list[int]:
    picked = picked or [int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())]
    nearest = cdist(points[picked], points).min(axis=0)
    nearest[picked] = -1
    while len(picked) < count:
        picked.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(points - points[picked[-1]], axis=1))
        nearest[picked] = -1
    return picked
