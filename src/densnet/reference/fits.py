"""The density difference of labelled frames in the auxiliary basis, and how well it fits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from pyscf import dft, gto, lib
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import SPLITS, Reference, fingerprint
from densnet.errors import CalculationError, DataError
from densnet.files import sha256
from densnet.frames import KEPT, PER_FRAME, FrameFile
from densnet.prior import FreeAtoms
from densnet.provenance import provenance
from densnet.reference import labels, method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.fitting import REGULARISATION, fit
from densnet.reference.grid_errors import LEVEL, absolute_error, auxiliary_density, becke, orbital_densities

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
    """

    mol: gto.Mole
    matrix: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, known: labels.LabelledFrames, index: int, reference: Reference, prior: PriorMatrices) -> Density:
        """Return the density of one labelled frame."""
        mol = method.molecule(Atoms(known.symbols, known.positions[index]), reference)
        matrix = lib.unpack_tril(known.density_matrix[index])
        return cls(mol, matrix, prior.density_matrix(mol))

    @property
    def delta(self) -> np.ndarray:
        """Difference of the density matrices."""
        return self.matrix - self.free

    @cached_property
    def grids(self) -> dft.gen_grid.Grids:
        """Becke grid on which errors are integrated."""
        return becke(self.mol, LEVEL)

    @cached_property
    def values(self) -> np.ndarray:
        """Density of the molecule and of its free atoms on the grid, e/bohr^3, shape (2, points)."""
        return orbital_densities(self.mol, self.grids, self.matrix, self.free)

    def floor(self, basis: AuxiliaryBasis, coefficients: np.ndarray) -> float:
        """Return the integrated absolute error of a fit, percent of the electrons."""
        found = auxiliary_density(self.mol, basis, coefficients, self.grids)
        return absolute_error(self.values[1] + found - self.values[0], self.grids, self.mol)


def fit_labels(
    path: str | Path,
    reference: Reference,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    *,
    out: str | Path,
    keep_densities: Sequence[str] = ("test",),
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
        The file, as `densnet.dataset.gather` reads it.
    keep_densities
        Splits whose density matrices are kept.

    Raises
    ------
    DataError
        A damaged label file, or labels or free atoms of another level of theory.
    """
    known = labels.read(path)
    if known.about["level"] != reference.level():
        raise DataError(f"{path}: labels of another level of theory than the study's; run the label rule again")
    about = {"provenance": provenance(inputs={str(path): sha256(path)})}
    fit_frames(known, reference, basis, free_atoms, Path(out), keep_densities, about)


def fit_frames(
    known: labels.LabelledFrames,
    reference: Reference,
    basis: AuxiliaryBasis,
    free_atoms: FreeAtoms,
    out: Path,
    keep_densities: Sequence[str],
    about: dict[str, Any],
) -> None:
    """Fit the densities of labelled frames and write them; ``about``: what else the file says, the rest `fit_labels`.

    Raises
    ------
    DataError
        Free atoms of another level of theory.
    """
    prior = PriorMatrices(list(known.symbols), reference, free_atoms.kind)
    prior.check(free_atoms)
    log.info("metric of normalised functions, %g added to its diagonal", REGULARISATION)
    bar = tqdm(range(len(known)), desc=f"fits of {''.join(known.symbols)}", unit="frame", disable=None)
    rows = [fit_density(Density.of(known, index, reference, prior), basis, known.names[index]) for index in bar]
    kept = np.flatnonzero(np.isin(known.split, [SPLITS.index(name) for name in keep_densities]))
    arrays = {name: getattr(known, name) for name in PER_FRAME if hasattr(known, name)}
    arrays |= {name: np.array([row[name] for row in rows]) for name in PER_FRAME if name not in arrays}
    # Single precision halves the file; on a grid it is a thousandth of the floor of any fit.
    arrays |= dict(zip(KEPT, (known.density_matrix[kept].astype(np.float32), kept), strict=True))
    belongs = {"basis": fingerprint(basis.to_dict()), "free_atoms": fingerprint(free_atoms.to_dict())}
    about = {"level": known.about["level"], "labels": known.about["provenance"], **belongs, **about}
    FrameFile(known.symbols, known.names, arrays, about).write(out)


def fit_density(known: Density, basis: AuxiliaryBasis, name: str = "") -> Row:
    """Return the fit of one density and its errors, by their names in `densnet.frames.FrameSet`.

    Raises
    ------
    CalculationError
        A basis so nearly dependent that its metric has no Cholesky factor; it gives the name of the frame.
    """
    try:
        found = fit(known.mol, known.delta, basis)
    except np.linalg.LinAlgError as error:
        raise CalculationError(
            f"{name}: functions of the auxiliary basis depend on each other ({error}); raise basis.beta, or "
            "basis.threshold of a natural basis"
        ) from None
    target, superposed = known.values
    errors = {
        "prior_error": absolute_error(superposed - target, known.grids, known.mol),
        "floor_error": known.floor(basis, found.coefficients),
    }
    return {name: np.asarray(value) for name, value in (asdict(found) | errors).items()}
