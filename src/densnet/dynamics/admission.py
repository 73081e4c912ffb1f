"""Which structures are served: one neutral molecule with closed shells, in vacuum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from densnet.errors import ModelError

COINCIDENT = 0.3
"""Å; no two atoms of a molecule are as close."""


def admit(atoms: Atoms, called: object = "", *, vibrating: bool = False) -> None:
    """Raise `ModelError` unless a structure is one that models, and the level of theory behind them, serve.

    Parameters
    ----------
    atoms
        The structure.
    called
        What the message calls it: a file, a frame; by default its formula.
    vibrating
        Whether its vibrations are asked for, which a single atom has not.
    """
    if complaint := _complaint(atoms, vibrating):
        raise ModelError(f"{called or atoms.symbols or 'structure'}: {complaint}")


def require_finite(results: Mapping[str, ArrayLike], called: object) -> None:
    """Raise `ModelError` that names the results that are not finite numbers."""
    if wrong := [name for name, values in results.items() if not np.isfinite(values).all()]:
        raise ModelError(
            f"{called}: {', '.join(wrong)} of the model not finite; give a structure like those it was trained on"
        )


def _complaint(atoms: Atoms, vibrating: bool) -> str | None:
    """Return what is wrong with a structure, and the remedy."""
    if not len(atoms):
        return "no atoms; give a structure that has some"
    if not np.isfinite(atoms.positions).all():
        return "positions are not finite; mend them"
    if atoms.pbc.any():
        return "periodic; only molecules in vacuum are served: set pbc to False (pbc='F F F' in extended XYZ)"
    if charge := _charge(atoms):
        return f"has the charge {charge}; only neutral molecules are served"
    if (electrons := int(atoms.numbers.sum())) % 2:
        return f"has an odd number of electrons ({electrons}); only closed shells are served: is an atom missing?"
    if vibrating and len(atoms) == 1:
        return "a single atom does not vibrate; give a molecule"
    if unpaired := _unpaired(atoms):
        return f"has {unpaired}; only closed shells are served"
    return _coincidence(atoms)


def _charge(atoms: Atoms) -> str:
    """Return the charge that a structure states, or that its partial charges add up to; empty when it is none."""
    stated, partial = atoms.info.get("charge"), round(float(atoms.get_initial_charges().sum()))
    try:
        charge = float(stated or 0) or partial
    except (TypeError, ValueError):
        return f"'{stated}'"
    return f"{charge:+g}" if charge else ""


def _unpaired(atoms: Atoms) -> str:
    """Return the unpaired electrons that a structure states, in words; empty where it states none."""
    multiplicity = next((atoms.info[name] for name in ("multiplicity", "spin_multiplicity") if name in atoms.info), 1)
    if str(multiplicity) not in ("1", "1.0"):
        return f"the multiplicity {multiplicity}"
    moment = float(atoms.get_initial_magnetic_moments().sum())
    return f"the magnetic moment {moment:g}" if abs(moment) > 0.5 else ""


def _coincidence(atoms: Atoms) -> str | None:
    distances = pdist(atoms.positions)
    if not len(distances) or distances.min() >= COINCIDENT:
        return None
    pair = [indices[distances.argmin()] for indices in np.triu_indices(len(atoms), k=1)]
    first, second = (f"{atoms.symbols[index]}{index}" for index in pair)
    return f"atoms {first} and {second} are {distances.min():.3g} Å apart; mend their positions"
