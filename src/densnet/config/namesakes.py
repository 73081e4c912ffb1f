"""Names that belong to another molecule already: of a study of the project, or of results."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

import densnet
from densnet.config.reference import Molecule
from densnet.errors import ConfigError
from densnet.names import same, smiles_in, smiles_of

STUDIES = Path(densnet.__file__).parents[2] / "workflow" / "studies"


def check_name(name: str, molecule: Molecule, studies: Path = STUDIES) -> None:
    """Raise `ConfigError` where a study of the project has this name and another molecule.

    Parameters
    ----------
    name, molecule
        Of the study.
    studies
        Folder of the studies of the project.
    """
    try:
        theirs = yaml.safe_load((studies / f"{name}.yaml").read_text())["molecule"]
        taken = _differ(theirs, molecule)
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return
    if taken:
        raise ConfigError(f"name: '{name}' is a study of {taken} in {studies}; give this one another name")


def check_results(name: str, molecule: Molecule, results: Path) -> None:
    """Raise `ConfigError` where the results of this name are those of another molecule, and would be replaced.

    The dataset says whose they are. Before there is one, selected frames may at least have other elements.

    Parameters
    ----------
    name, molecule
        Of the study.
    results
        Where studies leave their results.
    """
    folder = results / name
    if found := _of_dataset(folder / "dataset.zarr.zip", molecule) or _of_frames(folder / "frames", molecule):
        raise ConfigError(f"name: {folder} holds results of {found}; give the study another name, or delete them")


def _differ(theirs: Mapping[str, Any], molecule: Molecule) -> str:
    """Return the SMILES of a molecule, given by its settings, that is not the study's; else nothing."""
    found = smiles_in(theirs)
    return "" if same(found, smiles_of(molecule.name, molecule.smiles)) else found


def _of_dataset(path: Path, molecule: Molecule) -> str:
    """Return the SMILES that a dataset is of, where it is not the study's."""
    try:
        with zipfile.ZipFile(path) as archive:
            meta = json.loads(archive.read("zarr.json"))["attributes"]
        return _differ(meta["study"]["molecule"], molecule)
    except (OSError, zipfile.BadZipFile, ValueError, LookupError, TypeError, AttributeError):
        return ""


def _of_frames(folder: Path, molecule: Molecule) -> str:
    """Return the formula of selected frames, where the study's molecule has another."""
    import ase.io
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    from densnet.systems import chain

    smiles = smiles_of(molecule.name, molecule.smiles)
    for path in sorted(folder.glob("*.extxyz")):
        try:
            found = ase.io.read(path, 0).get_chemical_formula()
            expected = CalcMolFormula(chain(smiles, int(path.stem)))
        except ConfigError:  # a chain, and the study's molecule is none
            return found
        except Exception:  # a damaged file raises whatever the reader comes across; other names are not ours
            continue
        if found != expected:
            return found
    return ""
