"""What a model says about itself: where it comes from, and which molecules it was trained on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from ase import Atoms

from densnet.dynamics.guard import bonds
from densnet.errors import ConfigError
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
    """Log a warning, once for each structure, where a model says what it was trained on and this is something else."""
    formula = atoms.get_chemical_formula()
    for one in _members(model):
        if not set(atoms.symbols) <= set(one.elements):
            continue  # and is refused
        known = _trained_on(_metadata(one))
        if known and formula not in known:
            _warn(formula, f"the model was trained on {', '.join(sorted(known))}")
        elif known and _structure(atoms) not in known[formula]:
            _warn(
                formula,
                "an isomer of what the model was trained on, or a geometry with bonds broken or atoms too close",
            )


@cache
def _warn(formula: str, what: str) -> None:
    log.warning("%s: %s; of anything else it may know too little", formula, what)


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


def _trained_on(metadata: dict[str, dict[str, Any]]) -> Mapping[str, frozenset[str]]:
    """Return the molecules of the training frames, as `_canonical`, by formula; none where the model does not say."""
    molecule, frames = metadata["study"].get("molecule"), metadata["energy_training"].get("frames", {})
    if not isinstance(molecule, dict):
        return {}
    smiles = molecule.get("smiles") or NAMES.get(molecule.get("name"), "")
    return _molecules(smiles, tuple(int(length) for length, number in frames.items() if number))


@cache
def _molecules(smiles: str, lengths: tuple[int, ...]) -> Mapping[str, frozenset[str]]:
    from rdkit import Chem

    from densnet.systems import chain

    found: dict[str, set[str]] = {}
    try:
        graphs = [Chem.AddHs(chain(smiles, length)) for length in lengths]
    except ConfigError:  # of a model from elsewhere, whose molecule says nothing here
        return {}
    for graph in graphs:
        symbols = tuple(atom.GetSymbol() for atom in graph.GetAtoms())
        pairs = tuple((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in graph.GetBonds())
        found.setdefault(Atoms(symbols).get_chemical_formula(), set()).add(_canonical(symbols, pairs))
    return {formula: frozenset(molecules) for formula, molecules in found.items()}


def _structure(atoms: Atoms) -> str:
    """Return which atoms of a structure are bonded, as `_canonical`."""
    return _canonical(tuple(atoms.symbols), tuple(zip(*(ends.tolist() for ends in bonds(atoms)), strict=True)))


@lru_cache(maxsize=64)
def _canonical(symbols: tuple[str, ...], pairs: tuple[tuple[int, int], ...]) -> str:
    """Return a name of elements and bonds, whose order counts for nothing, that is the same for the same molecule."""
    from rdkit import Chem

    graph = Chem.RWMol()
    for symbol in symbols:
        atom = Chem.Atom(symbol)
        atom.SetNoImplicit(True)
        graph.AddAtom(atom)
    for first, second in pairs:
        graph.AddBond(first, second, Chem.BondType.SINGLE)
    return Chem.MolToSmiles(graph)
