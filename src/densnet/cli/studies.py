"""Commands about studies and start geometries."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from densnet.cli.options import EXTENDED, command, output, whole
from densnet.config import Molecule, load_study, schema
from densnet.files import atomic
from densnet.names import NAMES

log = logging.getLogger("densnet")

STRUCTURES = (*EXTENDED, ".traj", ".cif", ".gjf", ".mol", ".sdf")
"""Suffixes of files that ASE writes and reads again with all positions, to 1e-4 Å at worst."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    check = command(commands, "check", run_check, "read a study and list every mistake in it")
    check.add_argument("study", type=Path)
    described = command(commands, "schema", run_schema, "write the JSON schema of a study")
    output(described, "/dev/stdout")
    build = command(commands, "build", run_build, "make a start geometry from a name or SMILES")
    build.add_argument("molecule", help="name or SMILES; with [*:1] and [*:2] a repeat unit")
    build.add_argument("--length", type=whole(1), default=1, help="number of repeat units")
    build.add_argument("--conformer", type=whole(0), default=0, help="0 is the lowest in energy")
    build.add_argument("--seed", type=whole(0), default=0)
    output(build, "start.xyz", STRUCTURES)


def run_check(given: argparse.Namespace) -> None:
    """Check a study: its settings, its molecule, its level of theory, its networks and those of its variants."""
    from densnet.models.spherical import parse_irreps
    from densnet.workflow import check_chemistry

    study = load_study(given.study)
    symbols = check_chemistry(study)
    for one in (study, *map(study.variant, study.variants)):
        for network in (one.density_network, one.energy_network):
            parse_irreps(network.irreps)
    log.info("%s: study '%s' of %s (%s) is sound", given.study, study.name, study.molecule.name, " ".join(symbols))


def run_schema(given: argparse.Namespace) -> None:
    """Write the schema."""
    text = json.dumps(schema(), indent=2) + "\n"
    if given.out == Path("/dev/stdout"):
        sys.stdout.write(text)
        return
    with atomic(given.out) as temporary:
        temporary.write_text(text)


def run_build(given: argparse.Namespace) -> None:
    """Write a start geometry."""
    import ase.io

    from densnet.systems import build

    atoms = build(_molecule(given.molecule), given.length, given.conformer, given.seed, wrap=False)
    with atomic(given.out) as temporary:
        ase.io.write(temporary, atoms)
    log.info("%s: %s", given.out, atoms.symbols)


def _molecule(text: str) -> Molecule:
    """Return what a name, in whatever case, or a SMILES means; no SMILES of a whole molecule looks like a word."""
    word = len(text) > 2 and text.isalpha() and text[1:].islower()
    if word or text.lower() in NAMES:
        return Molecule(name=text.lower())
    return Molecule(name=text, smiles=text)
