"""The spectra that ship with the project: adding those of a study, and the table of all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from densnet.config import fingerprint
from densnet.files import atomic
from densnet.report.tables import level_name, markdown
from densnet.spectra.shipped import checksum, name_of, read


def add(name: str, results: Path, wanted: dict[str, dict[str, Any]], folder: Path) -> None:
    """Put the spectra of a study among those that ship: their files, and the table of all.

    Parameters
    ----------
    name
        The study's.
    results
        Where its results lie.
    wanted
        What decides each spectrum, by its file there (`densnet.spectra.shipped.settings`).
    folder
        Where they go.
    """
    for path, settings in wanted.items():
        values = {"settings": settings, "spectrum": json.loads((results / path).read_text())}
        with atomic(folder / name_of(name, path)) as temporary:
            temporary.write_text(json.dumps({"sha256": checksum(values), **values}) + "\n")
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(f"# Spectra\n\n{table(folder)}\n{EXPLANATION}")


def table(folder: Path) -> str:
    """Return the table of the shipped spectra, Markdown."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        values = read(path)
        settings, spectrum = values["settings"], values["spectrum"]
        if "frequencies" in spectrum:
            kind = f"DFT, {len(spectrum['frequencies'])} harmonic modes{', tracked' if 'residuals' in spectrum else ''}"
        else:
            kind = "AIMD" if "campaign" in settings else "dynamics of the model"
        about = [level_name(settings["reference"]), str(settings["length"]), kind]
        rows.append([f"`{path.name}`", *about, f"`{fingerprint(settings)}`", f"`{values['sha256'][:16]}`"])
    return markdown(["spectrum", "level", "monomers", "kind", "settings", "sha256"], rows)


EXPLANATION = """\
Made by the studies of the same names (`workflow/studies`) with `snakemake ship_spectra --config study=NAME
spectra=compute`; those of dynamics by a study that has taken the model that ships. Settings: fingerprint of everything
that decides the spectrum; a study that has the same takes it instead of computing it.
"""
