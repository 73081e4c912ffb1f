"""What a model file is, in words: elements, level of theory, training, networks, versions and test errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from densnet.basis import AuxiliaryBasis
from densnet.models.store import MODEL, read_archive
from densnet.report.style import names
from densnet.report.tables import errors_table, level_name

UNKNOWN = "not said in this file"


def card(path: str | Path) -> str:
    """Return a few lines about a model, and its table of test errors where the file has one.

    Raises
    ------
    ModelError
        The file is not a model of this version.
    """
    description, _ = read_archive(path, MODEL)
    metadata = description["metadata"]
    lines = {
        "model": f"{path}, of study {metadata.get('name', UNKNOWN)}",
        "elements": _elements(description["basis"]),
        "level": level_name(metadata["study"]["reference"]) if metadata.get("study") else UNKNOWN,
        "density network": _network(description["density"]),
        "energy network": _network(description["energy"]),
        "training frames": _frames(metadata.get("energy_training", {})),
        "training": _training(metadata),
        "versions": _versions(metadata.get("energy_training", {})),
    }
    text = "".join(f"{name:<16} {value}\n" for name, value in lines.items())
    found = metadata.get("evaluation")
    return text + "\n" + (errors_table(found, metadata.get("name", "molecule")) if found else NO_ERRORS)


NO_ERRORS = "No test errors in this file: results/STUDY/model.pt, the file of the rule `pack`, has them.\n"


def _elements(values: dict[str, Any]) -> str:
    basis = AuxiliaryBasis.from_dict(values)
    return " ".join(f"{symbol} ({basis.size(symbol)} functions)" for symbol in basis.shells)


def _network(values: dict[str, Any]) -> str:
    sees = "" if values.get("density", True) else ", without the density"
    sees += ", flexible" if values.get("flexible") else ""
    return (
        f"{values.get('trunk', 'gaunt')}, {values['layers']} layer(s) of {values['irreps']}, cutoff "
        f"{values['cutoff']:g} Å{sees}"
    )


def _frames(about: dict[str, Any]) -> str:
    frames = {int(length): number for length, number in about.get("frames", {}).items()}
    called = names(frames)
    return ", ".join(f"{number} of a {called[length]}" for length, number in frames.items()) or UNKNOWN


def _training(metadata: dict[str, Any]) -> str:
    parts = []
    for network in ("density", "energy", "joint"):
        about = metadata.get(f"{network}_training", {})
        if "seconds" in about:
            title = "both" if network == "joint" else f"{network} network"
            parts.append(f"{title} {about['seconds']:.0f} s on {about.get('device', UNKNOWN)}")
        if "grid" in about:
            parts.append(f"on densities {about['grid']['seconds']:.0f} s")
    return ", ".join(parts) or UNKNOWN


def _versions(about: dict[str, Any]) -> str:
    known = {"densnet": about.get("densnet"), "commit": about.get("commit"), "python": about.get("python")}
    known |= {name: about.get("versions", {}).get(name) for name in ("torch", "e3nn")} | {"on": about.get("created")}
    return ", ".join(f"{name} {value}" for name, value in known.items() if value) or UNKNOWN
