"""Settings of the networks and of their training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from densnet.config.section import NUMBER, Count, Counts, Positive, Real, Section, Whole


class Network(Section):
    """Kind and size of an equivariant network."""

    trunk: Literal["gaunt", "phisnet"] = "gaunt"
    """``gaunt``: sums over neighbours multiplied on points of the sphere. ``phisnet``: the trunk of Unke et al. (2021),
    with Clebsch-Gordan products."""
    irreps: str = "32x0e+32x1o+32x2e+32x3o+32x4e"
    """Hidden features of an atom, as e3nn irreps."""
    layers: Count = 2
    """Interactions, each reaching one cutoff further."""
    cutoff: Real = Field(5.0, ge=1.5)
    """Angstrom; no bond would be seen below the bound. 5 suits the energies of chains longer than those in training, 4
    single molecules."""
    radial: Count = 8
    """Radial functions of the interatomic distance."""
    radial_hidden: Count = 32
    """Width of the radial perceptron of ``gaunt``; ``phisnet`` has none."""
    carried_l: Whole | None = Field(None, ge=0)
    """Highest l of the features that ``gaunt`` carries from atom to atom as they are; null: all."""

    @model_validator(mode="after")
    def _channels_suit_the_trunk(self) -> Network:
        channels = {term.rpartition("x")[0].strip() for term in self.irreps.split("+")}
        if self.trunk == "phisnet" and len(channels) > 1:
            raise ValueError(f"irreps: trunk phisnet has as many channels of every l, not {self.irreps}")
        return self


class DensityNetworkSettings(Network):
    """Kind and size of the density network."""


class EnergyNetworkSettings(Network):
    """Kind and size of the energy network, and what it reads."""

    irreps: str = "24x0e+24x1o+24x2e+24x3o"
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
    balance: Real | None = Field(None, gt=0, le=1)
    """How much more often frames of a molecule (by its electrons) are drawn that has few of them: each as often as the
    number of its molecule's frames to the power of minus this; 1: every molecule as often, null: every frame."""
    max_electrons: Count | None = None
    """Electrons in a step, of all its frames together: it ends before a frame with which it would have more. One frame
    it always has; null: only ``batch`` ends it."""
    learning_rate: Positive = 5e-3
    """Peak of the schedule, after a linear warm-up."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """``cosine``: down to 1 % of the peak at the last step. ``plateau``: halved after five validations without
    improvement."""
    ema: Real = Field(0.99, ge=0, lt=1)
    """Decay of the exponential moving average of the weights; the average is what is kept."""
    clip: Positive = 10.0
    """Largest norm of the gradient."""
    validate_every: Count = 100
    """Steps between validations (and checkpoints)."""
    patience: Count = 20
    """Validations without improvement before training stops early."""
    processes: Count = 1
    """Processes that share the frames of each step: on one machine, or one for each GPU. Their number changes the
    rounding, and so the result in its last digits."""

    @model_serializer(mode="wrap")
    def _as_checkpoints_are_known_by(self, values_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the settings without those that are not there, some of which are younger than checkpoints."""
        return {name: value for name, value in values_of(self).items() if value is not None}


class DensityLoss(Section):
    """How far two densities are apart."""

    loss: Literal["metric", "on-site", "coefficients"] = "metric"
    """``metric``: the distance of the densities of a frame in the Coulomb and the overlap metric of all its functions.
    ``on-site``: that of each atom by itself. ``coefficients``: that of the plain coefficients."""
    overlap_weight: Real = Field(1.0, ge=0)
    """Weight of the overlap-metric loss beside the Coulomb-metric loss."""
    dipole_weight: Real = Field(0.1, ge=0)
    """Weight of the error of the dipole, relative to the typical dipole, beside the relative error of the density."""
    polar_weight: Real = Field(2.0, ge=0)
    """Weight of the relative error of the polar tensors of the frames that have one (``labels.polar_tensors``)."""


class DensityTraining(Training, DensityLoss):
    """Training of the density network."""

    learning_rate: Positive = 1e-2
    """Peak of the schedule, after a linear warm-up."""
    clip: Positive = 0.3
    """Largest norm of the gradient."""


class GridTraining(Training):
    """Training of the density network on DFT densities themselves, from where the coefficients left it."""

    steps: Whole = Field(0, ge=0)
    """Steps of the whole schedule; 0: the network stays as the coefficients left it."""
    flexible: bool = False
    """Let every atom stretch the exponents of its functions."""
    points: Count = 3000
    """Points of each frame, drawn once from its Becke grid."""
    level: Whole = Field(1, ge=1, le=9)
    """Becke grid they are drawn from; that of level 0 has large negative weights."""
    learning_rate: Positive = 1e-3
    """Peak of the schedule, after a linear warm-up."""
    clip: Positive = 1.0
    """Largest norm of the gradient."""
    dipole_weight: Real = Field(1.0, ge=0)
    """Weight of the error of the dipole, relative to the typical dipole, beside the density's error in percent."""


class EnergyTraining(Training):
    """Training of the energy network on the predicted density."""

    energy_weight: Real = Field(0.1, ge=0, le=1)
    """Weight of the energy per atom in the loss; forces weigh one minus this."""
    final_energy_weight: Real | None = Field(None, ge=0, le=1)
    """Weight that it rises to over the second half of the steps; null: it stays. Forces are learned better while
    energies weigh little, and the offsets of molecules of several sizes at the end."""

    def weight(self, progress: float) -> float:
        """Return the weight of the energy when this share of the steps is done."""
        final = self.energy_weight if self.final_energy_weight is None else self.final_energy_weight
        return self.energy_weight + max(0.0, 2 * progress - 1) * (final - self.energy_weight)


class JointTraining(EnergyTraining, DensityLoss):
    """Training of both networks together, from where they were left by their own."""

    steps: Whole = Field(0, ge=0)
    """Steps of the whole schedule; 0: the networks stay as their own trainings left them."""
    learning_rate: Positive = 1e-3
    """Peak of the schedule, after a linear warm-up."""
    density_weight: Real = Field(1.0, ge=0)
    """Weight of the loss of the density network beside that of the energy network."""


class Models(Section):
    """Where the trained model comes from."""

    source: Literal["auto", "compute"] = "auto"
    """``auto`` takes the one that ships with the project when its settings are those of the study; ``compute`` trains.
    ``models: compute`` is short for this key."""


class Variant(Section):
    """What is trained otherwise than in the study, on the same labels; sections hold the settings that differ."""

    seed: Annotated[int, Field(ge=0), NUMBER] | None = None
    """Of the training, in the place of the study's."""
    train_frames: Counts | None = None
    """Training frames in all, or of each chain length (of those not named, none): the first in a random order."""
    basis: dict[str, Any] = {}
    """Settings put over those of the study; the densities are fitted again, which needs all of them
    (``labels.keep_densities``)."""
    density_network: dict[str, Any] = {}
    """Settings put over those of the study."""
    energy_network: dict[str, Any] = {}
    """Settings put over those of the study."""
    density_training: dict[str, Any] = {}
    """Settings put over those of the study."""
    grid_training: dict[str, Any] = {}
    """Settings put over those of the study."""
    energy_training: dict[str, Any] = {}
    """Settings put over those of the study."""
    joint_training: dict[str, Any] = {}
    """Settings put over those of the study."""
