"""Force fields with an answer: harmonic in Cartesian displacements, with fixed atomic charges."""

import numpy as np
from ase import Atoms, units
from ase.build import molecule

from densnet.dynamics.integrator import Point
from densnet.spectra import harmonic


class Springs:
    """E = u H u / 2 with u the displacement from a reference structure; dipole of point charges."""

    def __init__(self, atoms, constants, charges):
        self.atoms = atoms
        self.charges = np.asarray(charges, float)
        self.calls = 0
        blocks = np.zeros((len(atoms), 3, len(atoms), 3))
        for (i, j), constant in constants.items():
            unit = atoms.positions[j] - atoms.positions[i]
            block = constant * np.outer(unit, unit) / (unit @ unit)
            blocks[i, :, i] += block
            blocks[j, :, j] += block
            blocks[i, :, j] -= block
            blocks[j, :, i] -= block
        self.hessian = blocks.reshape(3 * len(atoms), -1)

    def __call__(self, positions):
        self.calls += 1
        shift = (positions - self.atoms.positions).ravel()
        pull = -self.hessian @ shift
        return Point(-0.5 * float(shift @ pull), pull.reshape(-1, 3), self.charges @ positions)

    def modes(self):
        derivatives = np.kron(self.charges[:, None], np.eye(3))
        return harmonic.normal_modes(self.hessian, derivatives, self.atoms.positions, self.atoms.get_masses())

    def thermal_velocities(self, temperature):
        """Å/fs: every mode through its minimum with the energy kT."""
        vectors = self.modes().vectors * np.sqrt(2 * units.kB * temperature)
        return vectors.sum(axis=0) / np.sqrt(self.atoms.get_masses())[:, None] * units.fs


def water():
    atoms = molecule("H2O")
    return Springs(atoms, {(0, 1): 46.0, (0, 2): 50.0, (1, 2): 6.0}, [-0.7, 0.4, 0.3])


def methanol():
    atoms = molecule("CH3OH")
    pairs = [(i, j) for i in range(6) for j in range(i)]
    lengths = {pair: atoms.get_distance(*pair) for pair in pairs}
    constants = {pair: (40.0 if lengths[pair] < 1.6 else 4.0) for pair in pairs}
    return Springs(Atoms(atoms), constants, [0.2, -0.6, 0.1, 0.35, 0.0, -0.05])


class Bonds:
    """Harmonic springs between all pairs of atoms, free to turn; dipole of point charges."""

    def __init__(self, atoms, stiff=30.0, soft=3.0):
        self.atoms = atoms
        self.first, self.second = np.triu_indices(len(atoms), k=1)
        self.lengths = atoms.get_all_distances()[self.first, self.second]
        self.constants = np.where(self.lengths < 1.6, stiff, soft)
        self.charges = np.linspace(-0.5, 0.5, len(atoms))
        self.calls = 0

    def __call__(self, positions):
        self.calls += 1
        difference = positions[self.first] - positions[self.second]
        distance = np.linalg.norm(difference, axis=1)
        stretch = distance - self.lengths
        pull = (self.constants * stretch / distance)[:, None] * difference
        forces = np.zeros_like(positions)
        np.add.at(forces, self.first, -pull)
        np.add.at(forces, self.second, pull)
        return Point(float(0.5 * self.constants @ stretch**2), forces, self.charges @ positions)
