"""Symmetry of a molecule in its principal axes: what maps it onto itself, and what that saves.

Only rotations and reflections that turn no axis into another one are looked for: the identity, the inversion, half
turns about the axes and mirrors between them. They form an abelian group with real characters, and integration grids of
atoms have them too, so that energies and forces on a grid obey them to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

EXACT = 1e-6
"""Å; atoms of a structure that has been made symmetric coincide so well with their images."""

WHOLE = 1e-3
"""How far the share of a displacement in a representation may be from none and from all of it."""


@dataclass(frozen=True)
class Operation:
    """A rotation or reflection about the centre of mass, and where it takes the atoms.

    Attributes
    ----------
    signs
        (3,) of the axes.
    images
        (A,) index of the atom in whose place each atom comes.
    """

    signs: tuple[int, int, int]
    images: tuple[int, ...]

    def __call__(self, vectors: ArrayLike) -> Array:
        """Return displacements, forces ... of atoms (..., A, 3), moved with the molecule."""
        vectors = np.asarray(vectors, float)
        moved = np.empty_like(vectors)
        moved[..., self.images, :] = vectors * self.signs
        return moved


def oriented(atoms: Atoms) -> tuple[Atoms, Array]:
    """Return a copy in its principal axes, centre of mass at the origin, and the rotation (3, 3) of its row vectors."""
    turned = atoms.copy()
    turn = atoms.get_moments_of_inertia(vectors=True)[1].T
    turn = turn * [1, 1, np.linalg.det(turn)]
    turned.positions = (atoms.positions - atoms.get_center_of_mass()) @ turn
    return turned, turn


def symmetric(atoms: Atoms, tolerance: float) -> tuple[Atoms, list[Operation], Array]:
    """Return a copy in its principal axes with the symmetry that it nearly has.

    Parameters
    ----------
    atoms
        Structure.
    tolerance
        Å, how far an atom may be from the image of another.

    Returns
    -------
    atoms, group, turn
        The copy, its symmetry, and the rotation (3, 3) of row vectors into its frame.
    """
    found, turn = oriented(atoms)
    group = operations(found.positions, found.get_masses(), tolerance)
    found.positions = symmetrised(found.positions, group)
    return found, group, turn


def operations(positions: ArrayLike, masses: ArrayLike, tolerance: float = EXACT) -> list[Operation]:
    """Return what maps a molecule onto itself, the identity first: a group.

    Parameters
    ----------
    positions
        (A, 3) Å.
    masses
        (A,) u; atoms of one mass are alike.
    tolerance
        Å, between an atom and the image of another.
    """
    masses = np.asarray(masses, float)
    centred = np.asarray(positions, float) - np.average(positions, axis=0, weights=masses)
    different = np.where(masses[:, None] == masses, 0.0, np.inf)
    identity, *others = product((1, -1), repeat=3)
    found = [(0.0, Operation(identity, tuple(range(len(masses)))))]
    for signs in others:
        distances = cdist(centred * signs, centred) + different
        images = distances.argmin(axis=1)
        if distances.min(axis=1).max() < tolerance and len(set(images)) == len(masses):
            found.append((distances.min(axis=1).max(), Operation(signs, tuple(images.tolist()))))
    while not _closed([operation for _, operation in found]):  # one just within the tolerance, its product outside
        found.remove(max(found, key=lambda pair: pair[0]))
    return [operation for _, operation in found]


def _closed(operations: list[Operation]) -> bool:
    """Return whether the product of any two operations is one of them."""
    kept = {operation.signs for operation in operations}
    return all(tuple(np.multiply(one, other)) in kept for one in kept for other in kept)


def symmetrised(positions: ArrayLike, group: list[Operation]) -> Array:
    """Return positions about the centre of mass, or forces (A, 3), that obey a group: the mean over its operations."""
    return np.mean([operation(positions) for operation in group], axis=0)


def symmetrised_hessian(hessian: ArrayLike, group: list[Operation]) -> Array:
    """Return the mean of a Hessian (3A, 3A) over the operations of a group."""
    rows = np.asarray(hessian, float).reshape(len(hessian), -1, 3)

    def moved(operation: Operation) -> Array:
        half = operation(rows).reshape(len(rows), -1)
        return operation(half.T.reshape(rows.shape)).reshape(len(rows), -1)

    return np.mean([moved(operation) for operation in group], axis=0)


def irreducible(space: ArrayLike, group: list[Operation]) -> list[Array]:
    """Divide a space of displacements by how they behave under a group.

    Parameters
    ----------
    space
        (3A, m) orthonormal columns.
    group
        As from `operations`.

    Returns
    -------
    list of (3A, n)
        Orthonormal bases, one for each irreducible representation that occurs; the space itself where the group does
        not map it onto itself, as that of a molecule that is linear but for rounding.
    """
    space = np.asarray(space, float)
    columns = space.T.reshape(space.shape[1], -1, 3)
    overlaps = np.array([space.T @ operation(columns).reshape(space.shape[1], -1).T for operation in group])
    signs = np.array([operation.signs for operation in group])
    characters = np.unique([np.prod(signs**power, axis=1) for power in product((0, 1), repeat=3)], axis=0)
    parts, clear = [], True
    for character in characters:
        weights, vectors = np.linalg.eigh(np.tensordot(character / len(group), overlaps, axes=1))
        parts.append(space @ vectors[:, weights > 0.5])
        clear &= bool((np.minimum(np.abs(weights), np.abs(1 - weights)) < WHOLE).all())
    return [part for part in parts if part.shape[1]] if clear else [space]
