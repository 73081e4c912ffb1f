"""Spectra that ship with the project: finding those of a study, and taking one.

Those of DFT, harmonic or from AIMD, and those of the dynamics of a model that ships as well.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from densnet.config import Simulation, Study, fingerprint
from densnet.errors import DataError
from densnet.files import atomic
from densnet.shipped import differences

TAKEN = "shipped"
"""Key of a spectrum that a study took: the checksum of the file."""


def settings(study: Study, model: str | None = None) -> dict[str, dict[str, Any]]:
    """Return what decides each spectrum of a study that can ship, by its file among the results.

    Parameters
    ----------
    study
        The study.
    model
        Checksum of its model where that ships; without, spectra of the model's dynamics are its own affair.
    """
    molecule = study.molecule.model_dump(exclude={"name"} if study.molecule.smiles else set())
    common = {"seed": study.seed, "molecule": molecule, "reference": study.reference.level()}
    hessian = common | {"harmonic": study.harmonic.model_dump(include={"hessian", "displacement"})}
    found = {f"harmonic/dft_{length}.json": hessian | {"length": length} for length in study.harmonic.full}
    tracked = common | {"harmonic": study.harmonic.model_dump(include={"displacement", "captured", "max_modes"})}
    for length in tracked_lengths(study):
        found[f"harmonic/dft_{length}.json"] = tracked | {"length": length}
    spectra = study.spectra.model_dump(mode="json", include={"fwhm", "range"})
    if model and not study.simulation.ensemble:
        own = common | {"model": model, "spectra": spectra}
        found |= {
            f"spectra/{length}.json": own | {"simulation": _decisive(study.simulation, length), "length": length}
            for length in study.simulation.lengths
        }
    if name := study.spectra.reference:
        campaign = study.sampling[name].model_dump(exclude={"lengths"}) | {"name": name}  # random streams have the name
        dynamics = common | {"campaign": campaign, "spectra": spectra}
        found |= {
            f"spectra/aimd_{length}.json": dynamics | {"length": length} for length in study.sampling[name].lengths
        }
    return found


def _decisive(simulation: Simulation, length: int) -> dict[str, Any]:
    """Return what decides the trajectories of a model of one chain length, but for their last digits."""
    elsewhere = {"lengths", "batch", "compile", "ensemble", "max_deviation"}
    return simulation.model_dump(exclude=elsewhere) | {"replicas": simulation.replicas_of(length)}


def tracked_lengths(study: Study) -> list[int]:
    """Return the chain lengths whose spectrum of DFT is in the space of a model's active modes."""
    return sorted(set(study.harmonic.tracked) - set(study.harmonic.full))


def find(study: Study, folder: Path, results: Path, model: str | None = None) -> tuple[dict[str, Path], list[str]]:
    """Return the shipped spectra that a study can take, and sentences about them for the user.

    Parameters
    ----------
    study
        The study; with ``spectra.source: compute`` it takes none.
    folder
        Where the spectra lie, each with the settings that it was made with.
    results
        Where studies leave their results. Spectra that the study has computed there are kept.
    model
        Checksum of the study's model where that ships.

    Returns
    -------
    found
        The shipped files, by the files of the study that they stand for.
    messages
        Which are taken; in what those differ that have the study's name and are not.
    """
    if study.spectra.source == "compute":
        return {}, []
    there = {path: _read(path) for path in sorted(folder.glob("*.json"))}
    made_with = {path: values.get("settings") for path, values in there.items()}
    of = {fingerprint(values): path for path, values in made_with.items()}
    wanted = settings(study, model).items()
    wanted = {path: own for path, own in wanted if not _computed(study, results / study.name, path, own["length"])}
    found = {path: of[key] for path, own in wanted.items() if (key := fingerprint(own)) in of}
    messages = []
    if found:
        names = ", ".join(path.name for path in found.values())
        messages.append(f"spectra: {names} of {folder}; `--config spectra=compute` computes them instead")
    for path in wanted.keys() - found.keys():
        if other := made_with.get(shipped := folder / name_of(study.name, path)):
            changed = ", ".join(differences(wanted[path], other))
            messages.append(f"spectra: {path} is computed: {shipped} has another {changed}")
    return found, messages


def name_of(study: str, path: str) -> str:
    """Return the name under which a spectrum of a study ships."""
    return f"{study}_{Path(path).name}"


def _computed(study: Study, home: Path, path: str, length: int) -> bool:
    """Return whether the study has computed a spectrum itself: then there is what it was computed from."""
    sources = {
        "harmonic/dft": f"harmonic/minimum_{length}.traj",
        "spectra/aimd": f"sample/{study.spectra.reference}/{length}",
    }
    before = home / sources.get(path.rpartition("_")[0], f"md/{length}")
    return before.exists() and (home / path).exists() and TAKEN not in _read(home / path)


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing where it is damaged, which `fetch` complains of when it is asked for."""
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def fetch(path: Path, out: Path) -> None:
    """Put a shipped spectrum where a study expects it; raise `DataError` when a byte of it has changed."""
    values = read(path)
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(taken(values)) + "\n")


def taken(values: dict[str, Any]) -> dict[str, Any]:
    """Return the spectrum in a shipped file, marked as not computed by the study that takes it."""
    return values["spectrum"] | {TAKEN: values["sha256"]}


def read(path: Path) -> dict[str, Any]:
    """Return settings and spectrum of a shipped file; raise `DataError` when a byte of it has changed."""
    values = _read(path)
    if values.get("sha256") != checksum(values):
        raise DataError(f"{path}: damaged; restore it with `git checkout {path}`, or delete it to have it computed")
    return values


def checksum(values: dict[str, Any]) -> str:
    """Return the checksum of the settings and the spectrum in a file."""
    held = [values.get("settings"), values.get("spectrum")]
    return sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()
