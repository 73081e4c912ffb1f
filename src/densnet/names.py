"""Molecules that go by their names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from densnet.errors import ConfigError

NAMES = {
    "benzene": "c1ccccc1",
    "butadiene": "C=CC=C",
    "ethanethiol": "CCS",
    "ethanol": "CCO",
    "furan": "c1ccoc1",
    "methane": "C",
    "methanol": "CO",
    "phenol": "Oc1ccccc1",
    "polyethylene": "[*:1]CC[*:2]",
    "polypyrrole": "[*:1]c1ccc([nH]1)[*:2]",
    "polythiophene": "[*:1]c1ccc(s1)[*:2]",
    "pyrrole": "c1cc[nH]c1",
    "resorcinol": "Oc1cccc(O)c1",
    "thiophene": "c1ccsc1",
    "water": "O",
}
ENDS = re.compile(r"\[\*:[12]\]")
"""Attachment points of a repeat unit."""


def smiles_of(name: str, smiles: str = "") -> str:
    """Return the SMILES of a molecule: the one given, or where it is empty that of the name.

    Raises
    ------
    ConfigError
        Where there is neither; the message has the nearest known names.
    """
    if smiles:
        return smiles
    if name in NAMES:
        return NAMES[name]
    close = difflib.get_close_matches(name, NAMES, n=2) or sorted(NAMES)
    raise ConfigError(
        f"molecule.name: '{name}' is not a known molecule (did you mean {' or '.join(close[:2])}?); "
        "give molecule.smiles"
    )


def smiles_in(settings: Mapping[str, Any]) -> str:
    """Return the SMILES of a molecule, given its settings as a study or a dataset has them (see `smiles_of`)."""
    return smiles_of(settings.get("name", ""), settings.get("smiles", ""))


def same(one: str, other: str) -> bool:
    """Return whether two SMILES are the same molecule, or the same repeat unit."""
    return one == other or _canonical(one) == _canonical(other)


def related(one: str, other: str) -> bool:
    """Return whether two SMILES are the `same`, or one the repeat unit of chains whose monomer is the other."""
    if ("*" in one) != ("*" in other):
        one, other = (ENDS.sub("[H]", smiles) for smiles in (one, other))
    return same(one, other)


def _canonical(smiles: str) -> str:
    """Return a SMILES in the one way in which RDKit writes it; one that cannot be read, as it is."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        graph = Chem.MolFromSmiles(smiles)
    return smiles if graph is None else Chem.MolToSmiles(graph)
