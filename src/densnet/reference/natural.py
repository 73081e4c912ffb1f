"""The auxiliary basis of a study, contracted from training densities, and its floor against its size."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from tqdm import tqdm

from densnet.basis import AuxiliaryBasis
from densnet.config import Basis, Reference
from densnet.errors import DataError
from densnet.reference import auxiliary
from densnet.reference.atoms import PriorMatrices
from densnet.reference.contraction import Contraction, Equations
from densnet.reference.fits import Density
from densnet.reference.fitting import equations, fit
from densnet.reference.labels import LabelledFrames

log = logging.getLogger(__name__)

THRESHOLDS = (3e-2, 1e-2, 3e-3, 1e-3)
"""Thresholds of the curve of floor against size."""


def make_basis(
    frames: dict[int, LabelledFrames], reference: Reference, basis: Basis, unseen: int = 1
) -> tuple[AuxiliaryBasis, dict[str, Any]]:
    """Return the auxiliary basis of a study and a report about it.

    Parameters
    ----------
    frames
        Labelled training frames by chain length. ``basis.frames`` of each length are used, evenly spread.
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
        JSON-ready: ``name``; ``shells`` by element; ``weights`` by element and l (natural only); ``curve``, a list of
        {threshold, functions, size, floor, condition} with functions by element, and by chain length the functions of
        the molecule and the floor in percent of the electrons; the primitive set under the threshold None.

    Raises
    ------
    DataError
        A chain length without training frames, or a threshold that leaves an element without functions.
    """
    symbols = sorted({symbol for pool in frames.values() for symbol in pool.symbols})
    full = auxiliary.build(symbols, reference, basis)
    prior = PriorMatrices(symbols, reference, basis.prior)
    count = basis.frames if basis.kind == "natural" else 0
    behind, held = [], {}
    for length, pool in frames.items():
        if not len(pool):
            raise DataError(
                f"auxiliary basis: no labelled training frame of {length} monomer(s); lower basis.max_length, or see "
                "the lists of failed frames beside the labels"
            )
    bar = tqdm(desc="densities behind the basis", unit="frame", disable=None)
    for length, pool in frames.items():
        spread = np.unique(np.linspace(0, len(pool) - 1, count + unseen).round().astype(int))
        # The held-out frame is the middle one: neither the first nor the last of what k-means put in order.
        outside = spread[len(spread) // 2 :][:unseen] if len(spread) > unseen else spread
        held[length] = [Density.of(pool, index, reference, prior) for index in outside]
        for index in spread:
            if count and (index not in outside or len(spread) <= unseen):
                known = Density.of(pool, index, reference, prior)
                behind.append(Equations(pool.symbols, *equations(known.mol, known.delta, full)))
            bar.update()
    bar.close()
    report: dict[str, Any] = {"curve": [floor_point(None, full, held)]}
    chosen = full
    if basis.kind == "natural":
        contraction = Contraction(full, behind)
        chosen = contraction.basis(basis.threshold)
        for threshold in sorted({*THRESHOLDS, basis.threshold}, reverse=True):
            if threshold < contraction.limit:
                report["curve"].append(floor_point(threshold, contraction.basis(threshold), held))
        report["weights"] = {
            symbol: {l: contraction.weights[symbol, l].tolist() for l in full.multiplicities(symbol)}
            for symbol in full.shells
        }
    report |= {"name": chosen.name, "shells": {symbol: chosen.irreps(symbol) for symbol in chosen.shells}}
    return chosen, report


def floor_point(threshold: float | None, basis: AuxiliaryBasis, held: dict[int, list[Density]]) -> dict[str, Any]:
    """Return a point of the curve of floor against size."""
    floors, conditions = {}, []
    for length, densities in held.items():
        errors = []
        for known in densities:
            found = fit(known.mol, known.delta, basis)
            errors.append(known.floor(basis, found.coefficients))
            conditions.append(found.condition)
        floors[length] = float(np.mean(errors))
    functions = {symbol: basis.size(symbol) for symbol in basis.shells}
    sizes = {length: int(basis.offsets(densities[0].mol.elements)[-1]) for length, densities in held.items()}
    log.info("threshold %s: functions %s, floor %s %%", threshold, sizes, floors)
    return {
        "threshold": threshold,
        "functions": functions,
        "size": sizes,
        "floor": floors,
        "condition": max(conditions),
    }
