"""Self-consistency by harder and harder means, and what to start from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from densnet.config import Reference
from densnet.errors import ConvergenceError
from densnet.reference.gpu import on_gpu
from densnet.reference.method import MeanField, density_matrix, mean_field

log = logging.getLogger(__name__)

COARSE = 0, 1e-4
"""Grid level and threshold (Hartree) of the self-consistent field that a label starts from."""
COARSE_FROM = 2
"""Grid level from which a coarse start pays: it saves a tenth to a quarter of the time at 2, nothing at 1."""


def coarse_start(mf: MeanField, reference: Reference) -> np.ndarray | None:
    """Return a density matrix for `converge` to start from, converged on a coarse grid; None where that does not pay.

    It changes the number of cycles on the fine grid and nothing else.
    """
    if on_gpu(reference.device) or "coarse-start" not in reference.shortcuts or reference.grid_level < COARSE_FROM:
        return None
    coarse = mean_field(mf.mol, reference, *COARSE)
    coarse.with_df = mf.with_df  # its integrals do not depend on the grid
    coarse.kernel()
    return density_matrix(coarse) if coarse.converged else None


def converge(mf: MeanField, guess: np.ndarray | None = None) -> str:
    """Bring a mean field to self-consistency, by harder and harder means.

    Parameters
    ----------
    mf
        Mean field; its orbitals, energy and ``converged`` are set.
    guess
        Density matrix to start from.

    Returns
    -------
    str
        Name of the rung that converged.

    Raises
    ------
    ConvergenceError
        When no rung of the ladder converged. Nothing of the mean field must be used then.
    """
    for name, rung in _ladder(mf, guess):
        try:
            rung()
        except (np.linalg.LinAlgError, ValueError) as error:
            log.warning("SCF (%s): %s", name, error)
            continue
        if mf.converged and np.isfinite(mf.e_tot):
            return name
        log.info("SCF not converged from %s", name)
    raise ConvergenceError(
        f"{''.join(mf.mol.elements)}: SCF not converged on any rung (given density, fresh guess, level shift, second "
        f"order) with reference.max_cycle = {mf.max_cycle}; look at the geometry, or raise max_cycle"
    )


def _ladder(mf: MeanField, guess: np.ndarray | None) -> Iterator[tuple[str, Callable[[], Any]]]:
    if guess is not None:
        yield "given density", lambda: mf.kernel(dm0=guess)
    yield "fresh guess", lambda: mf.kernel()
    yield "level shift", lambda: _shifted(mf)
    yield "second order", lambda: _second_order(mf)


def _shifted(mf: MeanField) -> None:
    """Converge with a raised virtual space and damped steps, then once more without them."""
    mf.level_shift, mf.damp = 0.4, 0.4
    try:
        mf.kernel()
    finally:
        mf.level_shift, mf.damp = 0.0, 0.0
    if mf.converged:
        mf.kernel(dm0=mf.make_rdm1())


def _second_order(mf: MeanField) -> None:
    newton = mf.newton()
    newton.kernel()
    for name in ("mo_coeff", "mo_occ", "mo_energy", "e_tot", "converged"):
        setattr(mf, name, getattr(newton, name))
