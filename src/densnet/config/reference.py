"""Settings of the molecule, the sampling, the labels and the auxiliary basis."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field

from densnet.config.section import Count, CountOf, Length, Positive, Real, Section, Text, Whole


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

    xc: Text = "PBE"
    """Exchange-correlation functional, by a name libxc knows."""
    basis: Text = "def2-SVP"
    """Orbital basis, by a name PySCF knows."""
    coulomb_basis: Text = "def2-universal-jfit"
    """Auxiliary basis of the density-fitted Coulomb energy (not that of the density labels)."""
    dispersion: Literal["d4"] | None = None
    """Dispersion correction added to energies and forces."""
    grid_level: Whole = Field(2, ge=0, le=9)
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
    equilibration: Whole = Field(0, ge=0)
    """Steps with GFN2-xTB (Langevin, 1 fs) before the trajectory starts."""
    steps: Count = 200
    """Steps of each trajectory."""
    stride: Count = 5
    """Keep every n-th step."""
    grid_level: Whole = Field(1, ge=0, le=9)
    """Becke grid while propagating; selected frames are labelled again at the reference level."""
    conv_tol: Positive = 1e-6
    """SCF threshold while propagating, Hartree."""


class Frames(Section):
    """How many labelled frames of each chain length each split gets. Lengths that are only tested are extrapolation."""

    train: CountOf = Field(min_length=1)
    """Frames that both networks learn from."""
    validation: CountOf = Field(min_length=1)
    """Frames that decide when training stops and which weights are kept."""
    test: CountOf = Field(min_length=1)
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
    max_failed_fraction: Real = Field(0.05, ge=0, lt=1)
    """A larger share of unconverged frames of a chain length stops the study."""
    max_floor: Positive = 2.0
    """A frame whose fitted density is further than this from DFT stops the study, percent of its electrons."""
    max_condition: Positive = 1e10
    """A frame whose metric of the auxiliary basis has a larger condition number stops the study."""

    keep_densities: list[Literal["train", "validation", "test"]] = ["test"]
    """Splits whose DFT density matrices stay in the dataset: test frames to measure errors, the others for
    ``grid_training``, all for variants with a basis of their own."""

    polar_tensors: CountOf = {}
    """Training frames of each length whose labels include polar tensors, the derivatives of the dipole by the positions
    of the atoms, six times the work of the other labels: long chains need them, whose strongest bands come from charge
    that runs along the chain."""

    def frames_per_job(self, length: int) -> int:
        """Return the frames of one job of a chain length; the cost of a frame grows with the square of the length."""
        return max(1, self.chunk // length**2)


class Basis(Section):
    """What the density is measured against, and the auxiliary basis in which the difference is expanded."""

    prior: Literal["free-atoms", "minao", "none"] = "free-atoms"
    """What densities are measured against: superposed ``free-atoms`` of the level of theory, atoms of PySCF's minimal
    orbitals (``minao``), or nothing but the electrons of each atom, in its first s orbital (``none``)."""
    kind: Literal["natural", "even-tempered", "named", "file"] = "natural"
    """``natural`` contracts an even-tempered set to what the training densities use; ``file`` takes the basis.json of
    another study."""
    name: Text = "def2-universal-jkfit"
    """Set of ``kind: named`` by a name PySCF knows, or path of ``kind: file``."""
    beta: Real = Field(1.8, gt=1.2, le=3.0)
    """Ratio of the exponents of the even-tempered set."""
    enrich: bool = False
    """Give the even-tempered set more functions of high angular momentum: lower floors, slower fits."""
    frames: Count = 12
    """Training frames of each length (of lengths up to ``max_length``) behind a natural basis."""
    max_length: Length = 2
    """Longest chain behind a natural basis."""
    threshold: Real = Field(3e-3, gt=0, lt=1)
    """Contractions whose weight is below this fraction of the largest are dropped from a natural basis."""
    max_l: Whole = Field(4, ge=1, le=5)
    """Highest angular momentum kept."""

    def key(self) -> dict[str, Any]:
        """Return the settings as shipped sets are known by; those were there before there was another prior."""
        return self.model_dump(mode="json", exclude={"prior"} if self.prior == "free-atoms" else None)
