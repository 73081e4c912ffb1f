"""A whole study, and how one is read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from densnet import complaints
from densnet.config.namesakes import check_name
from densnet.config.reference import Basis, Campaign, Frames, Labels, Molecule, Reference, Selection
from densnet.config.section import Section, Whole
from densnet.config.simulation import Harmonic, Simulation, Spectra
from densnet.config.training import (
    DensityNetworkSettings,
    DensityTraining,
    EnergyNetworkSettings,
    EnergyTraining,
    GridTraining,
    JointTraining,
    Models,
    Variant,
)
from densnet.consistency import LONGEST, problems
from densnet.errors import ConfigError

TRAININGS = ("density_training", "grid_training", "energy_training", "joint_training")
"""Sections of the trainings, in their order."""


class Study(Section):
    """A whole study: everything the workflow does."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST)
    """Folder under ``results/``."""
    seed: Whole = Field(1, ge=0)
    """Every random stream is derived from it and from the job it serves."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where the networks are trained and run; ``auto`` takes a GPU where there is one. ``reference.device`` says it for
    quantum chemistry."""
    molecule: Molecule
    reference: Reference = Reference()
    sampling: dict[str, Campaign] = Field(min_length=1)
    """Campaigns by name."""
    frames: Frames
    selection: Selection = Selection()
    labels: Labels = Labels()
    basis: Basis = Basis()
    density_network: DensityNetworkSettings = DensityNetworkSettings()
    energy_network: EnergyNetworkSettings = EnergyNetworkSettings()
    density_training: DensityTraining = DensityTraining()
    grid_training: GridTraining = GridTraining()
    energy_training: EnergyTraining = EnergyTraining()
    joint_training: JointTraining = JointTraining()
    models: Models = Models()
    simulation: Simulation
    spectra: Spectra = Spectra()
    harmonic: Harmonic = Harmonic()
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=LONGEST)], Variant] = {}
    """Variants of the study by name, for learning curves, ablations and ensembles; ``snakemake variants`` runs them."""

    @field_validator("sampling")
    @classmethod
    def _names_are_file_names(cls, campaigns: dict[str, Campaign]) -> dict[str, Campaign]:
        for name in campaigns:
            if len(name) > LONGEST or not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"campaign name {name!r}: use letters, digits, '-' and '_', {LONGEST} of them at most")
        return campaigns

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Study:
        if found := problems(self):
            raise ValueError("\n".join(found))
        return self

    def data_settings(self) -> dict[str, Any]:
        """Return the settings that decide what the labelled frames are: the key of a shipped reference set."""
        sections = {"molecule", "reference", "sampling", "frames", "selection", "basis", "seed"}
        values = self.model_dump(mode="json", include=sections) | {"reference": self.reference.level()}
        values["sampling"].pop(self.spectra.reference, None)
        values["basis"] = self.basis.key()
        if self.labels.polar_tensors:
            values["polar_tensors"] = self.model_dump(mode="json")["labels"]["polar_tensors"]
        if self.molecule.smiles:
            del values["molecule"]["name"]  # only a label then
        return values

    def model_settings(self) -> dict[str, Any]:
        """Return the settings that decide what the trained model is: the key of a shipped one."""
        networks = self.model_dump(mode="json", include={"density_network", "energy_network"})
        trainings = {name: one for name in TRAININGS if (one := self.model_dump(mode="json")[name])["steps"]}
        for training in trainings.values():
            del training["processes"]
        return self.data_settings() | networks | trainings

    def variant(self, name: str) -> Study:
        """Return the study with a variant's settings put over its own; raise `ConfigError` when these do not fit."""
        changes = {key: value for key, value in self.variants[name] if value is not None and key != "train_frames"}
        alone = {"ensemble": [], "max_deviation": None}
        own = merge(self.model_dump(exclude={"variants"}), {"simulation": alone})
        return check_study(merge(own, changes), f"variants.{name}")

    def learning_curve(self) -> list[str]:
        """Return the names of the variants that differ in nothing but fewer training frames and, at most, fewer steps.

        They are trained in the same stages: one that the study has and a variant has not, or the reverse, is more.
        """
        return [name for name, one in self.variants.items() if one.train_frames is not None and self._is_part(name)]

    def _is_part(self, name: str) -> bool:
        """Return whether a variant differs from the study in its frames and in fewer steps of the same trainings."""
        elsewhere, variant = {"variants", "simulation"}, self.variant(name)
        ours, theirs = (one.model_dump(exclude=elsewhere) for one in (self, variant))
        steps = [(ours[key].pop("steps"), theirs[key].pop("steps")) for key in TRAININGS]
        return ours == theirs and all(own == other or 0 < other < own for own, other in steps)

    def campaigns_of(self, length: int) -> list[str]:
        """Return the names of the campaigns from which frames of one chain length are picked."""
        for_frames = {name: one for name, one in self.sampling.items() if name != self.spectra.reference}
        return [name for name, campaign in for_frames.items() if length in campaign.lengths]


def merge(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``overlay`` put over it, section by section."""
    merged = dict(base)
    for key, value in overlay.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged


def load_study(path: str | Path, overlay: dict[str, Any] | None = None) -> Study:
    """Read and check a study.

    Parameters
    ----------
    path
        YAML file of the study.
    overlay
        Values put over those of the file.

    Returns
    -------
    Study

    Raises
    ------
    ConfigError
        One message that lists every wrong key with its path and a suggestion; a name that belongs to another molecule.
    """
    path = Path(path)
    try:
        values = yaml.load(path.read_text(), Loader=_KeysOnce)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Name an existing study file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a study is a mapping of sections; this file holds {type(values).__name__}")
    study = check_study(merge(_spelt_out(values), _spelt_out(overlay or {})), str(path))
    check_name(study.name, study.molecule)
    return study


class _KeysOnce(yaml.SafeLoader):
    """YAML whose mappings have each key once; of two, YAML would silently take the second."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) not in self.checked:  # later, what is merged in stands beside what takes its place
            self.checked.add(id(node))
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            if twice := [key for key, number in keys.items() if number > 1]:
                remedy = "write it once, with a list: [*one, *two]" if twice[0] == "<<" else "leave one"
                raise yaml.constructor.ConstructorError(
                    problem=f"'{twice[0]}' stands twice in one section; {remedy}", problem_mark=node.start_mark
                )
        super().flatten_mapping(node)


def _spelt_out(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings with ``labels: compute`` as what it is short for, so that no other key is lost."""
    sources = ("labels", "models", "spectra")
    return values | {key: {"source": values[key]} for key in sources if isinstance(values.get(key), str)}


def check_study(values: dict[str, Any], source: str = "study") -> Study:
    """Return the typed study of ``values``; raise one `ConfigError` naming every wrong key of ``source``."""
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        lines = [f"  {line}" for item in error.errors() for line in complaints.lines(item, Study)]
        raise ConfigError("\n".join([f"{source}: {len(lines)} wrong setting(s)", *lines])) from None


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study, for editors and for the drift test."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **Study.model_json_schema()}
