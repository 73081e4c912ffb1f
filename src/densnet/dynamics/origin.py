"""What a model says about itself: where it comes from, and which molecules it was trained on."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from ase import Atoms

from densnet.names import NAMES

log = logging.getLogger(__name__)


def origins(model: object) -> list[dict[str, Any]]:
    """Return where a model, or each of an ensemble, comes from, as far as it says.

    Returns
    -------
    list of dict
        ``file`` and its ``sha256``, where `densnet.models.ensemble.load_models` read it; ``study``, ``level`` of theory
        (as `densnet.config.Reference`), version of ``densnet`` and time of the training (``created``).
    """
    return [_origin(one) for one in _members(model)]


def warn_beyond_training(model: object, atoms: Atoms) -> None:
    """Log a warning, once for each formula, where a model says what it was trained on and this is something else."""
    formula = atoms.get_chemical_formula()
    for one in _members(model):
        known = _trained_on(_metadata(one))
        if known and formula not in known:
            _warn(formula, ", ".join(sorted(known)))


@cache
def _warn(formula: str, known: str) -> None:
    log.warning("%s: the model was trained on %s; of anything else it may know too little", formula, known)


def _members(model: object) -> list[object]:
    """Return the single models in what is a model, an ensemble, a compiled one of either, or a mere function."""
    inner = getattr(model, "model", model)
    return [one for one in getattr(inner, "models", [inner]) if hasattr(one, "metadata")]


def _metadata(model: object) -> dict[str, dict[str, Any]]:
    """Return the sections of what a model says; those it has not are empty."""
    found = {name: model.metadata.get(name) for name in ("study", "energy_training")}
    return {name: section if isinstance(section, dict) else {} for name, section in found.items()}


def _origin(model: object) -> dict[str, Any]:
    metadata = _metadata(model)
    training = metadata["energy_training"]
    said = {"study": model.metadata.get("name"), "level": metadata["study"].get("reference")}
    said |= {name: training.get(name) for name in ("densnet", "created")}
    return getattr(model, "file", {}) | {name: value for name, value in said.items() if value is not None}


def _trained_on(metadata: dict[str, dict[str, Any]]) -> frozenset[str]:
    """Return the sum formulas of the training frames; none where the model does not say."""
    molecule, frames = metadata["study"].get("molecule"), metadata["energy_training"].get("frames", {})
    if not isinstance(molecule, dict):
        return frozenset()
    smiles = molecule.get("smiles") or NAMES.get(molecule.get("name"), "")
    return _formulas(smiles, tuple(int(length) for length, number in frames.items() if number))


@cache
def _formulas(smiles: str, lengths: tuple[int, ...]) -> frozenset[str]:
    """Return the sum formulas of chains: their repeat units, and hydrogen where those would be joined."""
    from rdkit import Chem

    unit = Chem.MolFromSmiles(smiles)
    if not unit:
        return frozenset()
    unit = Chem.AddHs(unit)
    symbols = [atom.GetSymbol() for atom in unit.GetAtoms() if atom.GetAtomicNum()]
    ends = ["H"] * (unit.GetNumAtoms() - len(symbols))
    return frozenset(Atoms(symbols * length + ends).get_chemical_formula() for length in lengths)
