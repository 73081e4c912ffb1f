"""The density difference of labelled frames in the auxiliary basis, and how well it fits."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from pyscf import dft, gto, lib
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import Reference
from densnet.dataset import KEPT, PER_FRAME, SPLITS
from densnet.files import atomic
from densnet.files import sha256 as file_hash
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.reference import labels, method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.fitting import REGULARISATION, fit
from densnet.reference.grid_errors import absolute_error, auxiliary_density, becke, orbital_densities

log = logging.getLogger(__name__)

Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class Density:
    """The density of a labelled frame, beside that of its free atoms.

    Attributes
    ----------
    mol
        PySCF molecule.
    matrix, free
        Density matrices of the molecule and of the superposed atoms, shape (orbitals, orbitals).
    level
        Level of the Becke grid.
    """

    mol: gto.Mole
    matrix: np.ndarray
    free: np.ndarray
    level: int

    @classmethod
    def of(cls, known: labels.LabelledFrames, index: int, reference: Reference, prior: PriorMatrices) -> Density:
        """Return the density of one labelled frame."""
        mol = method.molecule(Atoms(known.symbols, known.positions[index]), reference)
        matrix = lib.unpack_tril(known.density_matrix[index])
        return cls(mol, matrix, prior.density_matrix(mol), reference.grid_level)

    @property
    def delta(self) -> np.ndarray:
        """Difference of the density matrices."""
        return self.matrix - self.free

    @cached_property
    def grids(self) -> dft.gen_grid.Grids:
        """Becke grid."""
        return becke(self.mol, self.level)

    @cached_property
    def values(self) -> np.ndarray:
        """Density of the molecule and of its free atoms on the grid, e/bohr^3, shape (2, points)."""
        return orbital_densities(self.mol, self.grids, self.matrix, self.free)

    def floor(self, basis: AuxiliaryBasis, coefficients: np.ndarray) -> float:
        """Return the integrated absolute error of a fit, percent of the electrons."""
        found = auxiliary_density(self.mol, basis, coefficients, self.grids.coords)
        return absolute_error(self.values[1] + found - self.values[0], self.grids, self.mol)


def fit_labels(
    path: str | Path, reference: Reference, basis: AuxiliaryBasis, free_atoms: FreeAtoms, *, out: str | Path
) -> None:
    """Fit the densities of one label file and write labels and coefficients as one HDF5 file.

    Parameters
    ----------
    path
        Label file.
    reference
        Level of theory of the labels.
    basis, free_atoms
        What the density is expanded in, and the prior.
    out
        The HDF5 file, as `densnet.dataset.read_chunk` reads it. Density matrices of test frames are kept.

    Raises
    ------
    DataError
        A damaged label file, or free atoms of another level of theory.
    """
    known = labels.read(path)
    prior = PriorMatrices(list(known.symbols), reference)
    prior.check(free_atoms)
    log.info("metric of normalised functions, %g added to its diagonal", REGULARISATION)
    bar = tqdm(range(len(known)), desc=f"fits of {''.join(known.symbols)}", unit="frame", disable=None)
    rows = [fit_density(Density.of(known, index, reference, prior), basis) for index in bar]
    kept = np.flatnonzero(known.split == SPLITS.index("test"))
    values = {name: getattr(known, name) for name in PER_FRAME if hasattr(known, name)}
    values |= {name: np.array([row[name] for row in rows]) for name in PER_FRAME if name not in values}
    # Single precision halves the file; on a grid it is a thousandth of the floor of any fit.
    values |= dict(zip(KEPT, (known.density_matrix[kept].astype(np.float32), kept), strict=True))
    described = provenance(basis=basis.name, inputs={str(path): file_hash(path)})
    with atomic(out) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["symbols"], file.attrs["provenance"] = json.dumps(known.symbols), json.dumps(described)
        file.create_dataset("frame", data=list(known.names), dtype=h5py.string_dtype())
        for name, array in values.items():
            file.create_dataset(name, data=array, fletcher32=array.size > 0)


def fit_density(known: Density, basis: AuxiliaryBasis) -> Row:
    """Return the fit of one density and its errors, by their names in `densnet.dataset.FrameSet`."""
    found = fit(known.mol, known.delta, basis)
    target, superposed = known.values
    errors = {
        "prior_error": absolute_error(superposed - target, known.grids, known.mol),
        "floor_error": known.floor(basis, found.coefficients),
    }
    return {name: np.asarray(value) for name, value in (asdict(found) | errors).items()}
