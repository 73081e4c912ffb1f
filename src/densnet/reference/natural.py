"""The auxiliary basis of a study, contracted from training densities, and its floor against its size."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from pyscf import dft, gto
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import Basis, Reference
from densnet.reference import auxiliary, method
from densnet.reference.atoms import PriorMatrices
from densnet.reference.fitting import fit
from densnet.reference.grid_errors import absolute_error, auxiliary_density, becke, orbital_densities

log = logging.getLogger(__name__)

THRESHOLDS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4)
"""Thresholds of the curve of floor against size."""
CONVERGED = 1e-6
"""Hartree; the shape of a density needs no tighter self-consistent field."""


@dataclass(frozen=True)
class Density:
    """A converged density and its difference to the free atoms.

    Attributes
    ----------
    mol
        PySCF molecule.
    delta
        Density matrix less that of the prior.
    grids
        Becke grid.
    values
        The difference on the grid, e/bohr^3, shape (points,).
    """

    mol: gto.Mole
    delta: np.ndarray
    grids: dft.gen_grid.Grids
    values: np.ndarray


def make_basis(
    frames: dict[int, list[Atoms]], reference: Reference, basis: Basis, unseen: int = 1
) -> tuple[AuxiliaryBasis, dict[str, Any]]:
    """Return the auxiliary basis of a study and a report about it.

    Parameters
    ----------
    frames
        Training frames by chain length. ``basis.frames`` of each length up to ``basis.max_length`` are used, evenly
        spread.
    reference
        Level of theory.
    basis
        Which basis.
    unseen
        Frames of each length that are kept out of the contraction and on which the floor is measured.

    Returns
    -------
    basis
        The basis.
    report
        JSON-ready: ``name``; ``shells`` by element; ``singular_values`` by element and l (natural only); ``curve``, a
        list of {threshold, functions, floor, condition} with functions by element and the floor in percent of the
        electrons by chain length, the primitive set under the threshold None.

    Raises
    ------
    CalculationError
        When a frame does not converge.
    """
    longest = max(basis.max_length, min(frames))
    reference = reference.model_copy(update={"conv_tol": max(reference.conv_tol, CONVERGED)})
    used = {length: pool for length, pool in frames.items() if length <= longest}
    symbols = sorted({symbol for pool in frames.values() for symbol in pool[0].symbols})
    full = auxiliary.build(symbols, reference, basis)
    prior = PriorMatrices(symbols, reference)
    count = basis.frames if basis.kind == "natural" else 0
    fitted, held = [], {}
    bar = tqdm(desc="densities behind the basis", unit="frame", disable=None)
    for length, pool in used.items():
        spread = np.unique(np.linspace(0, len(pool) - 1, count + unseen).round().astype(int))
        # The held-out frame is the middle one: neither the first nor the last of what k-means put in order.
        outside = spread[len(spread) // 2 :][:unseen] if len(spread) > unseen else spread
        held[length] = [density(pool[index], reference, prior) for index in outside]
        for index in spread:
            if count and (index not in outside or len(spread) <= unseen):
                found = density(pool[index], reference, prior)
                fitted.append((found.mol.elements, fit(found.mol, found.delta, full).coefficients))
            bar.update()
    bar.close()
    report: dict[str, Any] = {"curve": [_point(None, full, held)]}
    chosen = full
    if basis.kind == "natural":
        chosen, report["singular_values"] = auxiliary.natural(full, fitted, basis.threshold)
        for threshold in sorted({*THRESHOLDS, basis.threshold}, reverse=True):
            report["curve"].append(_point(threshold, auxiliary.natural(full, fitted, threshold)[0], held))
    report |= {"name": chosen.name, "shells": {symbol: chosen.irreps(symbol) for symbol in chosen.shells}}
    return chosen, report


def density(frame: Atoms, reference: Reference, prior: PriorMatrices) -> Density:
    """Return the converged density of a frame; raise `ConvergenceError` when there is none."""
    mf = method.mean_field(frame, reference)
    method.converge(mf)
    delta = method.density_matrix(mf) - prior.density_matrix(mf.mol)
    grids = becke(mf.mol, reference.grid_level)
    return Density(mf.mol, delta, grids, orbital_densities(mf.mol, grids, delta)[0])


def _point(threshold: float | None, basis: AuxiliaryBasis, held: dict[int, list[Density]]) -> dict[str, Any]:
    """Return a point of the curve of floor against size."""
    floors, conditions = {}, []
    for length, densities in held.items():
        errors = []
        for known in densities:
            found = fit(known.mol, known.delta, basis)
            residual = auxiliary_density(known.mol, basis, found.coefficients, known.grids.coords) - known.values
            errors.append(absolute_error(residual, known.grids, known.mol))
            conditions.append(found.condition)
        floors[length] = float(np.mean(errors))
    sizes = {symbol: basis.size(symbol) for symbol in basis.shells}
    log.info("threshold %s: functions %s, floor %s %%", threshold, sizes, floors)
    return {"threshold": threshold, "functions": sizes, "floor": floors, "condition": max(conditions)}
