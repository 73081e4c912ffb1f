"""The gate before a GPU: the first structure of a job must come out as on the CPU."""

from __future__ import annotations

import logging

import numpy as np
from ase import Atoms

from densnet.config import Reference
from densnet.errors import CalculationError, ConvergenceError
from densnet.reference.convergence import converge
from densnet.reference.gpu import on_gpu
from densnet.reference.method import energy, gradient, mean_field

log = logging.getLogger(__name__)

GATE = 1e-8, 1e-6
"""Hartree and Hartree/bohr by which a GPU may differ from the CPU."""


def check_device(structure: Atoms, reference: Reference) -> None:
    """Where the mean field runs on a GPU, compute a structure there and on the CPU.

    Raises
    ------
    CalculationError
        The two differ; some versions of gpu4pyscf are wrong by Hartrees.
    """
    if not on_gpu(reference.device):
        return
    tight = reference.model_copy(update={"conv_tol": min(reference.conv_tol, 1e-10)})
    energies, gradients = [], []
    for level in (tight, tight.model_copy(update={"device": "cpu"})):
        mf = mean_field(structure, level)
        try:
            converge(mf)
        except ConvergenceError as error:  # no verdict on the GPU; whoever needs this structure will say so
            log.warning("GPU not compared with the CPU: %s", error)
            return
        energies.append(energy(mf, level))
        gradients.append(gradient(mf, level))
    errors = abs(energies[0] - energies[1]), float(np.abs(gradients[0] - gradients[1]).max())
    log.info("GPU against CPU: %.1e Hartree, %.1e Hartree/bohr", *errors)
    if not (errors[0] < GATE[0] and errors[1] < GATE[1]):
        raise CalculationError(
            f"{structure.symbols}: the GPU differs from the CPU by {errors[0]:.1e} Hartree and {errors[1]:.1e} "
            "Hartree/bohr; say reference.device: cpu, or install another version of gpu4pyscf (at least 1.8.1)"
        )
