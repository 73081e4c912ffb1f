"""Structures: a molecule from a name or SMILES, a chain of n repeat units."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from densnet.config import Molecule
from densnet.errors import CalculationError, ConfigError
from densnet.names import smiles_of

log = logging.getLogger(__name__)

HEAD, TAIL = 1, 2
EMBEDDED_ATOMS = 2000  # small molecules are embedded often: one in forty finds the trans ethanethiol
EMBEDDINGS = 20  # at least
RELAXED = 0.05  # eV/Angstrom
STEPS = 300


def build(
    molecule: Molecule, length: int = 1, conformer: int = 0, seed: int = 0, *, relax: bool = True, wrap: bool = True
) -> Atoms:
    """Return a start geometry.

    Conformers are embedded with distance geometry, relaxed with MMFF94, told apart by their distances and sorted by
    energy; the one asked for is then relaxed with GFN2-xTB. Chains are also built with every link twisted as in the
    dimer, whatever there is within a unit: of a long one, an embedding finds no such conformer.

    Parameters
    ----------
    molecule
        Name or SMILES, possibly a repeat unit.
    length
        Number of repeat units.
    conformer
        Which conformer, 0 being the lowest in energy.
    seed
        Of the embedding.
    relax
        Whether to relax with GFN2-xTB (to 0.05 eV/Angstrom).
    wrap
        Whether conformers are counted round where fewer are found.

    Returns
    -------
    ase.Atoms
        Heavy atoms unit after unit, then the hydrogens; Angstrom, centred.

    Raises
    ------
    ConfigError
        Unknown name, SMILES that cannot be read or embedded, a length the molecule does not have, or a conformer that
        is not found.
    CalculationError
        GFN2-xTB does not know an element, or does not converge.
    """
    found = _embedded(molecule, length, seed)
    if conformer >= len(found) and not wrap:
        raise ConfigError(f"{molecule.name}: no conformer {conformer}; {len(found)} found, counted from 0")
    atoms = found[conformer % len(found)]
    if relax:
        _relax(atoms)
    log.info("%s, %d unit(s): %s, conformer %d of %d", molecule.name, length, atoms.symbols, conformer, len(found))
    return atoms


def conformers(molecule: Molecule, length: int, seed: int = 0) -> list[Atoms]:
    """Return the start geometries of a study, at most ``molecule.conformers``, as `build` makes them one by one."""
    found = _embedded(molecule, length, seed)[: molecule.conformers]
    for atoms in found:
        _relax(atoms)
    log.info("%s, %d unit(s): %d conformers", molecule.name, length, len(found))
    return found


def _embedded(molecule: Molecule, length: int, seed: int) -> list[Atoms]:
    """Return distinct conformers relaxed with MMFF94, the lowest in energy first."""
    graph = Chem.AddHs(chain(smiles_of(molecule.name, molecule.smiles), length))
    _embed(graph, seed, molecule.name)
    if length > 2 and graph.GetNumHeavyAtoms() > length:  # units of one atom have no torsion of their own
        dimer = Chem.AddHs(chain(smiles_of(molecule.name, molecule.smiles), 2))
        _embed(dimer, seed, molecule.name)
        best = int(np.argmin(_relaxed_energies(dimer)))
        _add_regular(graph, length, _twists(dimer, 2, best)[0])
    energies = _relaxed_energies(graph)
    energies, positions = _distinct(energies, np.array([found.GetPositions() for found in graph.GetConformers()]))
    symbols = [atom.GetSymbol() for atom in graph.GetAtoms()]
    return [Atoms(symbols, positions[k] - positions[k].mean(axis=0)) for k in np.argsort(energies)]


def elements(molecule: Molecule) -> list[str]:
    """Return the elements of a molecule (hydrogen included), sorted; raise `ConfigError` for a single atom."""
    smiles = smiles_of(molecule.name, molecule.smiles)
    graph = Chem.AddHs(chain(smiles, 1))
    if graph.GetNumAtoms() == 1:
        raise ConfigError(f"molecule.smiles: '{smiles}' is a single atom, which does not vibrate; give a molecule")
    return sorted({atom.GetSymbol() for atom in graph.GetAtoms()})


def chain(smiles: str, length: int) -> Chem.Mol:
    """Return the molecular graph of ``length`` repeat units, capped with hydrogen.

    Parameters
    ----------
    smiles
        With ``[*:1]`` and ``[*:2]`` where units are joined, head to tail; without, a single molecule.
    length
        Number of units.

    Raises
    ------
    ConfigError
        A SMILES that cannot be read, a length that does not exist, or anything but one neutral closed-shell molecule
        of natural elements.
    """
    if length < 1:
        raise ConfigError(f"chain length {length}: a chain has at least one unit")
    with rdBase.BlockLogs():
        unit = Chem.MolFromSmiles(smiles)
    if unit is None:
        raise ConfigError(f"molecule.smiles: '{smiles}' is not a valid SMILES")
    ends = [atom for atom in unit.GetAtoms() if atom.GetAtomicNum() == 0]
    if not ends:
        if length != 1:
            raise ConfigError(f"molecule.smiles: '{smiles}' has no attachment points, so there is no chain of {length}")
        return _served(unit, smiles)
    _check_ends(ends, smiles)
    return _served(_join(unit, length), smiles)


def _check_ends(ends: Sequence[Chem.Atom], smiles: str) -> None:
    """Raise `ConfigError` unless a repeat unit has a head and a tail, each at a single bond."""
    if sorted(atom.GetAtomMapNum() for atom in ends) != [HEAD, TAIL] or any(atom.GetDegree() != 1 for atom in ends):
        raise ConfigError(
            f"molecule.smiles: '{smiles}' needs exactly the attachment points [*:1] and [*:2], one bond each"
        )
    if any(bond.GetBondType() != Chem.BondType.SINGLE for atom in ends for bond in atom.GetBonds()):
        raise ConfigError(
            f"molecule.smiles: '{smiles}' has a multiple bond at [*:1] or [*:2]; units are joined by single bonds, "
            "so put multiple ones inside the unit"
        )


def _served(graph: Chem.Mol, smiles: str) -> Chem.Mol:
    """Return the graph; raise `ConfigError` unless it is one neutral closed-shell molecule of natural elements."""
    charge = Chem.GetFormalCharge(graph)
    unpaired = sum(atom.GetNumRadicalElectrons() for atom in graph.GetAtoms())
    fragments = len(Chem.GetMolFrags(graph))
    isotope = next((f"[{atom.GetIsotope()}{atom.GetSymbol()}]" for atom in graph.GetAtoms() if atom.GetIsotope()), "")
    for wrong, what in (
        (fragments != 1, f"is {fragments} molecules; give one"),
        (charge != 0, f"has the charge {charge:+d}; only neutral molecules are served"),
        (unpaired != 0, f"has {unpaired} unpaired electron(s); only closed shells are served"),
        (isotope, f"has the isotope {isotope}; masses are those of the elements, so leave its number out"),
    ):
        if wrong:
            raise ConfigError(f"molecule.smiles: '{smiles}' {what}")
    return graph


def _join(unit: Chem.Mol, length: int) -> Chem.Mol:
    """Bond the tail of each unit to the head of the next and drop the attachment points."""
    editable = Chem.RWMol()
    for _ in range(length):
        editable.InsertMol(unit)
    size, anchors = unit.GetNumAtoms(), {}
    for atom in unit.GetAtoms():
        if atom.GetAtomicNum() == 0:
            anchors[atom.GetAtomMapNum()] = atom.GetNeighbors()[0].GetIdx()
    for k in range(length - 1):
        editable.AddBond(k * size + anchors[TAIL], (k + 1) * size + anchors[HEAD], Chem.BondType.SINGLE)
    for index in reversed(range(editable.GetNumAtoms())):
        if editable.GetAtomWithIdx(index).GetAtomicNum() == 0:
            editable.RemoveAtom(index)
    graph = editable.GetMol()
    Chem.SanitizeMol(graph)
    return graph


def _embed(graph: Chem.Mol, seed: int, name: str) -> None:
    """Give a graph conformers by distance geometry; raise `ConfigError` where there are none."""
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed % 2**31 or 1
    attempts = max(EMBEDDINGS, EMBEDDED_ATOMS // graph.GetNumAtoms())
    if not list(rdDistGeom.EmbedMultipleConfs(graph, attempts, parameters)):
        raise ConfigError(f"molecule '{name}': no geometry could be embedded; check its SMILES")


def _relaxed_energies(graph: Chem.Mol) -> np.ndarray:
    """Relax all conformers with MMFF94, or UFF where that has no parameters, and return their energies (n,)."""
    optimise = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(graph):
        optimise = rdForceFieldHelpers.UFFOptimizeMoleculeConfs
    return np.array([energy for _, energy in optimise(graph, maxIters=2000)])


def _add_regular(graph: Chem.Mol, length: int, twist: float) -> None:
    """Add the conformers whose links all have one twist (degrees), of one sign throughout or of alternating ones."""
    for turn in (1, -1):
        conformer = Chem.Conformer(graph.GetConformer(0))
        for number, link in enumerate(_links(graph, length)):
            rdMolTransforms.SetDihedralDeg(conformer, *link, twist * turn**number)
        graph.AddConformer(conformer, assignId=True)


def _twists(graph: Chem.Mol, length: int, conformer: int) -> list[float]:
    """Return the torsions of the links of a conformer, degrees."""
    positions = graph.GetConformer(conformer)
    return [rdMolTransforms.GetDihedralDeg(positions, *link) for link in _links(graph, length)]


def _links(graph: Chem.Mol, length: int) -> list[tuple[int, int, int, int]]:
    """Return four atoms along each bond between units: its ends, and the first neighbour of each within its unit."""
    size = graph.GetNumHeavyAtoms() // length
    units = [atom.GetIdx() // size if atom.GetAtomicNum() > 1 else -1 for atom in graph.GetAtoms()]

    def beside(atom: int) -> int:
        near = [other.GetIdx() for other in graph.GetAtomWithIdx(atom).GetNeighbors()]
        return min(index for index in near if units[index] == units[atom])

    bonds = sorted(sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())) for bond in graph.GetBonds())
    joined = [(left, right) for left, right in bonds if -1 < units[left] < units[right]]
    return [(beside(left), left, right, beside(right)) for left, right in joined]


def _distinct(energies: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep one of each set of conformers whose sorted distances agree within 0.1 Angstrom: the lowest."""
    kept: list[int] = []
    spectra = [np.sort(np.linalg.norm(p[:, None] - p[None], axis=-1).ravel()) for p in positions]
    for index in np.argsort(energies):
        if all(np.abs(spectra[index] - spectra[other]).max() > 0.1 for other in kept):
            kept.append(int(index))
    return energies[kept], positions[kept]


def _relax(atoms: Atoms) -> None:
    """Relax in place with GFN2-xTB; raise `CalculationError` where that cannot be done."""
    from ase.calculators.calculator import CalculatorError
    from ase.optimize import BFGS

    from densnet.reference.xtb import xtb_calculator

    atoms.calc = xtb_calculator()
    try:
        converged = BFGS(atoms, logfile=None).run(fmax=RELAXED, steps=STEPS)
    except CalculatorError as error:
        raise CalculationError(
            f"{atoms.symbols}: GFN2-xTB, which relaxes start geometries, fails ({error}); give another molecule"
        ) from None
    if not converged:
        log.warning("%s: start geometry not relaxed to %g eV/Angstrom in %d steps", atoms.symbols, RELAXED, STEPS)
    atoms.calc = None
