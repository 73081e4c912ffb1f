"""Reference spectra that ship with the project: of DFT, harmonic or from dynamics; none depends on a model."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from densnet.config import Study, fingerprint
from densnet.errors import DataError
from densnet.files import atomic


def settings(study: Study) -> dict[str, dict[str, Any]]:
    """Return what decides each reference spectrum of a study, by its file among the results."""
    molecule = study.molecule.model_dump(exclude={"name"} if study.molecule.smiles else set())
    common = {"seed": study.seed, "molecule": molecule, "reference": study.reference.level()}
    hessian = common | {"harmonic": study.harmonic.model_dump(include={"hessian", "displacement"})}
    found = {f"harmonic/dft_{length}.json": hessian | {"length": length} for length in study.harmonic.full}
    if name := study.spectra.reference:
        campaign = study.sampling[name].model_dump(exclude={"lengths"})
        spectra = study.spectra.model_dump(mode="json", exclude={"reference"})
        dynamics = common | {"campaign": campaign, "spectra": spectra}
        found |= {
            f"spectra/aimd_{length}.json": dynamics | {"length": length} for length in study.sampling[name].lengths
        }
    return found


def find(study: Study, folder: Path) -> dict[str, Path]:
    """Return the shipped spectra that a study can take, by their files among the results.

    Parameters
    ----------
    study
        The study; with ``labels: compute`` it takes none.
    folder
        Where the spectra lie, each with the settings that it was made with.

    Raises
    ------
    DataError
        A file that cannot be read.
    """
    if study.labels.source == "compute":
        return {}
    shipped = {fingerprint(read(path)["settings"]): path for path in sorted(folder.glob("*.json"))}
    wanted = {path: fingerprint(values) for path, values in settings(study).items()}
    return {path: shipped[key] for path, key in wanted.items() if key in shipped}


def read(path: Path) -> dict[str, Any]:
    """Return a shipped spectrum with its settings; raise `DataError` when a byte of it has changed."""
    try:
        values = json.loads(path.read_text())
        sound = values["sha256"] == checksum(values)
    except (OSError, ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise DataError(f"{path}: damaged; restore it with `git checkout {path.parent}`, or say labels: compute")
    return values


def fetch(path: Path, out: Path) -> None:
    """Put a shipped spectrum where a study expects it."""
    spectrum = read(path)["spectrum"]
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(spectrum) + "\n")


def checksum(values: dict[str, Any]) -> str:
    """Return the checksum of the settings and the spectrum in a file."""
    held = [values["settings"], values["spectrum"]]
    return sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
