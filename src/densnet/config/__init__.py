"""A study, typed: the single source of every setting, its default, its unit and its bounds.

``config.yaml`` and the files in ``workflow/studies`` state only what differs from the defaults given here. The JSON
schema beside ``config.yaml`` is generated from these classes (``densnet schema``).
"""

from densnet.config.namesakes import check_name, check_results
from densnet.config.reference import EFFORT, SPLITS, Basis, Campaign, Frames, Labels, Molecule, Reference, Selection
from densnet.config.section import Section, fingerprint
from densnet.config.simulation import Harmonic, Simulation, Spectra
from densnet.config.study import Study, check_study, load_study, merge, schema
from densnet.config.training import (
    DensityLoss,
    DensityNetworkSettings,
    DensityTraining,
    EnergyNetworkSettings,
    EnergyTraining,
    GridTraining,
    JointTraining,
    Models,
    Network,
    Training,
    Variant,
)

__all__ = [
    "EFFORT",
    "SPLITS",
    "Basis",
    "Campaign",
    "DensityLoss",
    "DensityNetworkSettings",
    "DensityTraining",
    "EnergyNetworkSettings",
    "EnergyTraining",
    "Frames",
    "GridTraining",
    "Harmonic",
    "JointTraining",
    "Labels",
    "Models",
    "Molecule",
    "Network",
    "Reference",
    "Section",
    "Selection",
    "Simulation",
    "Spectra",
    "Study",
    "Training",
    "Variant",
    "check_name",
    "check_results",
    "check_study",
    "fingerprint",
    "load_study",
    "merge",
    "schema",
]
