"""Molecules that go by their names."""

from __future__ import annotations

import difflib

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
