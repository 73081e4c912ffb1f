"""A study, typed: the single source of every setting, its default, its unit and its bounds.

``config.yaml`` and the files in ``workflow/studies`` state only what differs from the defaults given here. The JSON
schema beside ``config.yaml`` is generated from these classes (``densnet schema``).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from densnet import complaints
from densnet.consistency import problems
from densnet.errors import ConfigError

Length = Annotated[int, Field(ge=1, description="number of monomers; 1 for a single molecule")]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def fingerprint(values: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """Return the first 16 hexadecimal digits of the SHA-256 of settings."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Section(BaseModel):
    """A section of the study. Unknown keys are errors, values are immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def fingerprint(self) -> str:
        """Return the `fingerprint` of the section's values."""
        return fingerprint(self.model_dump(mode="json"))


class Molecule(Section):
    """What is studied: one molecule, or a repeat unit from which chains of any length are built."""

    name: str
    """Label used in file names and figures."""
    smiles: str = ""
    """SMILES. With attachment points ``[*:1]`` and ``[*:2]`` it is a repeat unit. Empty: look ``name`` up."""
    conformers: Count = 1
    """Distinct start conformers; replicas take them in turn."""


SPLITS = ("train", "validation", "test")
"""What labelled frames are for; files store the index."""
Shortcut = Literal["grid", "coulomb", "coarse-start", "extrapolation"]


class Reference(Section):
    """Level of theory of the labels and of every DFT comparison."""

    xc: str = "PBE"
    """Exchange-correlation functional, by a name libxc knows."""
    basis: str = "def2-SVP"
    """Orbital basis, by a name PySCF knows."""
    coulomb_basis: str = "def2-universal-jfit"
    """Auxiliary basis of the density-fitted Coulomb energy (not that of the density labels)."""
    dispersion: Literal["d4"] | None = None
    """Dispersion correction added to energies and forces."""
    grid_level: int = Field(2, ge=0, le=9)
    """PySCF level of the Becke grid of labels."""
    conv_tol: Positive = 1e-9
    """SCF convergence threshold of labels, Hartree."""
    max_cycle: Count = 50
    """SCF cycles on each rung of the convergence ladder."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where the mean field runs; ``auto`` takes a GPU when gpu4pyscf finds one."""
    shortcuts: list[Shortcut] = list(get_args(Shortcut))
    """Ways to the same numbers in less time, on a CPU: orbital values on the ``grid`` and three-centre ``coulomb``
    integrals kept during a self-consistent field, a ``coarse-start`` of labels on a coarser grid, ``extrapolation`` of
    the density along trajectories."""

    def level(self) -> dict[str, Any]:
        """Return the settings that decide what comes out, without where and how hard it is computed."""
        return self.model_dump(mode="json", exclude=set(EFFORT))


EFFORT = ("device", "max_cycle", "shortcuts")
"""Settings of `Reference` that change no label."""


class Campaign(Section):
    """One way of sampling geometries: a set of independent trajectories."""

    lengths: list[Length] = Field(min_length=1)
    """Chain lengths that are sampled this way."""
    method: Literal["aimd", "xtb"] = "aimd"
    """Forces along the trajectory: ``aimd`` at the reference level, or GFN2-xTB."""
    ensemble: Literal["langevin", "nve"] = "langevin"
    temperature: Positive = 300.0
    """K."""
    timestep: Positive = 0.5
    """fs."""
    friction: Positive = 10.0
    """Langevin friction, 1/ps."""
    replicas: Count = 4
    """Independent trajectories for each length."""
    equilibration: int = Field(0, ge=0)
    """Steps with GFN2-xTB (Langevin, 1 fs) before the trajectory starts."""
    steps: Count = 200
    """Steps of each trajectory."""
    stride: Count = 5
    """Keep every n-th step."""
    grid_level: int = Field(1, ge=0, le=9)
    """Becke grid while propagating; selected frames are labelled again at the reference level."""
    conv_tol: Positive = 1e-6
    """SCF threshold while propagating, Hartree."""


class Frames(Section):
    """How many labelled frames of each chain length each split gets. Lengths that are only tested are extrapolation."""

    train: dict[Length, Count] = Field(min_length=1)
    """Frames that both networks learn from."""
    validation: dict[Length, Count] = Field(min_length=1)
    """Frames that decide when training stops and which weights are kept."""
    test: dict[Length, Count] = Field(min_length=1)
    """Frames that only the error tables see."""

    def lengths(self) -> list[int]:
        """Return every chain length that is labelled, ascending."""
        return sorted({*self.train, *self.validation, *self.test})

    def of(self, length: int) -> dict[str, int]:
        """Return the number of frames of one chain length in each split that has any."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: counts[length] for name, counts in splits.items() if length in counts}


class Selection(Section):
    """How frames are picked from the trajectories."""

    method: Literal["kmeans", "farthest-point"] = "kmeans"
    """On the sorted interatomic distances of each pair of elements."""
    split: Literal["replica", "block"] = "replica"
    """Splits never share a replica, or never share a block of time (with a gap between blocks)."""


class Labels(Section):
    """Where labels come from, how the labelling is scattered, and when it is refused."""

    source: Literal["auto", "compute"] = "auto"
    """``auto`` takes the set that ships with the project when its settings are those of the study; ``compute`` never
    does. ``labels: compute`` is short for this key."""
    chunk: Count = 25
    """Frames of a monomer in one labelling job; longer chains get as many as take about the same time."""
    max_failed_fraction: float = Field(0.05, ge=0, lt=1)
    """A larger share of unconverged frames of a chain length stops the study."""
    max_floor: Positive = 2.0
    """A frame whose fitted density is further than this from DFT stops the study, percent of its electrons."""
    max_condition: Positive = 1e10
    """A frame whose metric of the auxiliary basis has a larger condition number stops the study."""

    def frames_per_job(self, length: int) -> int:
        """Return the frames of one job of a chain length; the cost of a frame grows with the square of the length."""
        return max(1, self.chunk // length**2)


class Basis(Section):
    """Auxiliary basis in which the density difference is expanded."""

    kind: Literal["natural", "even-tempered", "named", "file"] = "natural"
    """``natural`` contracts an even-tempered set to what the training densities use; ``file`` takes the basis.json of
    another study."""
    name: str = "def2-universal-jkfit"
    """Set of ``kind: named`` by a name PySCF knows, or path of ``kind: file``."""
    beta: float = Field(1.8, gt=1.2, le=3.0)
    """Ratio of the exponents of the even-tempered set."""
    enrich: bool = False
    """Give the even-tempered set more functions of high angular momentum: lower floors, slower fits."""
    frames: Count = 12
    """Training frames of each length (of lengths up to ``max_length``) behind a natural basis."""
    max_length: Length = 2
    """Longest chain behind a natural basis."""
    threshold: float = Field(3e-3, gt=0, lt=1)
    """Contractions whose weight is below this fraction of the largest are dropped from a natural basis."""
    max_l: int = Field(4, ge=1, le=5)
    """Highest angular momentum kept."""


class Network(Section):
    """Kind and size of an equivariant network."""

    trunk: Literal["gaunt", "phisnet"] = "gaunt"
    """``gaunt``: sums over neighbours multiplied on points of the sphere. ``phisnet``: the trunk of Unke et al. (2021),
    with Clebsch-Gordan products."""
    irreps: str = "32x0e+32x1o+32x2e+32x3o+32x4e"
    """Hidden features of an atom, as e3nn irreps."""
    layers: Count = 2
    """Interactions, each reaching one cutoff further."""
    cutoff: Positive = 4.0
    """Angstrom."""
    radial: Count = 8
    """Radial functions of the interatomic distance."""
    radial_hidden: Count = 32
    """Width of the radial perceptron of ``gaunt``; ``phisnet`` has none."""

    @model_validator(mode="after")
    def _channels_suit_the_trunk(self) -> Network:
        channels = {term.rpartition("x")[0].strip() for term in self.irreps.split("+")}
        if self.trunk == "phisnet" and len(channels) > 1:
            raise ValueError(f"irreps: trunk phisnet has as many channels of every l, not {self.irreps}")
        return self


class EnergyNetworkSettings(Network):
    """Kind and size of the energy network, and what it reads."""

    irreps: str = "32x0e+32x1o+32x2e"
    """Hidden features of an atom, as e3nn irreps."""
    density: bool = True
    """Read the coefficients of the density. Without, the energy is that of a geometry alone, and the density gives the
    dipole and nothing else."""


class Training(Section):
    """Optimisation of one network. The budget is counted in steps, so that a resumed run ends on the same numbers."""

    steps: Count = 2000
    """Steps of the whole schedule."""
    batch: Count = 5
    """Frames in a step."""
    learning_rate: Positive = 5e-3
    """Peak of the schedule (linear warm-up, cosine decay to 1 %)."""
    ema: float = Field(0.99, ge=0, lt=1)
    """Decay of the exponential moving average of the weights; the average is what is kept."""
    clip: Positive = 10.0
    """Largest norm of the gradient."""
    validate_every: Count = 100
    """Steps between validations (and checkpoints)."""
    patience: Count = 20
    """Validations without improvement before training stops early."""


class DensityTraining(Training):
    """Training of the density network."""

    learning_rate: Positive = 1e-2
    """Peak of the schedule (linear warm-up, cosine decay to 1 %)."""
    clip: Positive = 0.3
    """Largest norm of the gradient."""
    loss: Literal["metric", "on-site", "coefficients"] = "metric"
    """``metric``: the distance of the densities of a frame in the Coulomb and the overlap metric of all its functions.
    ``on-site``: that of each atom by itself. ``coefficients``: the plain squares of their differences."""
    overlap_weight: float = Field(1.0, ge=0)
    """Weight of the overlap-metric loss beside the Coulomb-metric loss."""
    dipole_weight: float = Field(0.1, ge=0)
    """Weight of the error of the dipole, relative to the typical dipole, beside the relative error of the density."""


class EnergyTraining(Training):
    """Training of the energy network on the predicted density."""

    energy_weight: float = Field(0.1, ge=0)
    """Weight of the energy per atom in the loss; forces weigh one minus this."""


class Simulation(Section):
    """Molecular dynamics with the trained model."""

    lengths: list[Length] = Field(min_length=1)
    """Chain lengths that are run."""
    replicas: Count = 4
    """Independent starts of each length."""
    temperature: Positive = 300.0
    """K."""
    timestep: Positive = 0.5
    """fs."""
    friction: Positive = 10.0
    """Langevin friction of the thermalisation, 1/ps."""
    thermalisation: Positive = 0.5
    """ps of Langevin dynamics before each run."""
    production: Positive = 5.0
    """ps of NVE dynamics from which spectra are taken."""
    stride: Positive = 2.0
    """fs between stored frames."""
    ensemble: list[str] = []
    """Variants whose models, and the study's own, drive dynamics by their mean."""
    max_deviation: Positive | None = None
    """eV/Angstrom, standard deviation of the forces of the ensemble that stops a run; null: none does."""


class Spectra(Section):
    """Infrared spectra."""

    fwhm: Positive = 12.0
    """cm^-1, line width of all spectra; Welch segments are chosen to give it (48.05/fwhm ps, Hann windows)."""
    range: tuple[Positive, Positive] = (400.0, 3500.0)
    """cm^-1, window of comparisons and figures."""
    reference: str | None = None
    """Campaign of ``sampling``, with ``method: aimd``, whose trajectories give the spectrum that the model's dynamics
    is held against. No labelled frame is picked from it."""


class Harmonic(Section):
    """Harmonic infrared spectra, of the model for every simulated length and of DFT where asked for here."""

    full: list[Length] = []
    """Chain lengths with a full DFT Hessian."""
    tracked: list[Length] = []
    """Chain lengths with DFT in the space of the model's infrared-active modes."""
    captured: float = Field(0.95, gt=0, le=1)
    """Share of the model's infrared intensity that the tracked modes carry."""
    max_modes: Count = 40
    """At most this many tracked modes (two DFT gradients each)."""
    displacement: Positive = 0.01
    """Angstrom, norm of the displacement along a mode."""


TrainFrames = Annotated[
    Annotated[Count, Tag("[number]")] | Annotated[dict[Length, Count], Tag("[lengths]")],
    Discriminator(lambda value: "[lengths]" if isinstance(value, dict) else "[number]"),
]
"""A number, or one for each chain length; the tags keep a mistake to one line, and out of the path of the key."""


class Variant(Section):
    """What is trained otherwise than in the study, on the same labels; sections hold the settings that differ."""

    seed: int | None = Field(None, ge=0)
    """Of the training, in the place of the study's."""
    train_frames: TrainFrames | None = None
    """Training frames in all, or of each chain length (of those not named, none): the first in a random order."""
    density_network: dict[str, Any] = {}
    """Settings put over those of the study."""
    energy_network: dict[str, Any] = {}
    """Settings put over those of the study."""
    density_training: dict[str, Any] = {}
    """Settings put over those of the study."""
    energy_training: dict[str, Any] = {}
    """Settings put over those of the study."""


class Study(Section):
    """A whole study: everything the workflow does."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Folder under ``results/``."""
    seed: int = Field(1, ge=0)
    """Every random stream is derived from it and from the job it serves."""
    molecule: Molecule
    reference: Reference = Reference()
    sampling: dict[str, Campaign] = Field(min_length=1)
    """Campaigns by name."""
    frames: Frames
    selection: Selection = Selection()
    labels: Labels = Labels()
    basis: Basis = Basis()
    density_network: Network = Network()
    energy_network: EnergyNetworkSettings = EnergyNetworkSettings()
    density_training: DensityTraining = DensityTraining()
    energy_training: EnergyTraining = EnergyTraining()
    simulation: Simulation
    spectra: Spectra = Spectra()
    harmonic: Harmonic = Harmonic()
    variants: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Variant] = {}
    """Variants of the study by name, for learning curves, ablations and ensembles; ``snakemake variants`` runs them."""

    @field_validator("sampling")
    @classmethod
    def _names_are_file_names(cls, campaigns: dict[str, Campaign]) -> dict[str, Campaign]:
        for name in campaigns:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"campaign name {name!r}: use letters, digits, '-' and '_'")
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
        if self.molecule.smiles:
            del values["molecule"]["name"]  # only a label then
        return values

    def variant(self, name: str) -> Study:
        """Return the study with a variant's settings put over its own; raise `ConfigError` when these do not fit."""
        changes = {key: value for key, value in self.variants[name] if value is not None and key != "train_frames"}
        alone = {"ensemble": [], "max_deviation": None}
        own = merge(self.model_dump(exclude={"variants"}), {"simulation": alone})
        return check_study(merge(own, changes), f"variants.{name}")

    def learning_curve(self) -> list[str]:
        """Return the names of the variants that differ from the study in their training frames alone."""
        return [name for name, one in self.variants.items() if one.model_fields_set == {"train_frames"}]

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
        One message that lists every wrong key with its path and a suggestion.
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Name an existing study file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a study is a mapping of sections; this file holds {type(values).__name__}")
    return check_study(merge(_spelt_out(values), _spelt_out(overlay or {})), str(path))


def _spelt_out(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings with ``labels: compute`` as what it is short for, so that no other key is lost."""
    labels = values.get("labels")
    return {**values, "labels": {"source": labels}} if isinstance(labels, str) else values


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
