"""Settings of a study that are each sound but do not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from densnet.errors import ConfigError
from densnet.names import NAMES, related, smiles_of
from densnet.spectra import aliasing

if TYPE_CHECKING:
    from densnet.config import Campaign, Study

LONGEST = 100
"""Characters of a name: folders, files and captions are made of it."""
WIDTH = 48.05
"""ps cm^-1: full width at half maximum of a line times the length of the Hann window behind it."""
FRICTION = 5.31
"""ps cm^-1: full width at half maximum that Langevin friction gives a line, for each 1/ps."""


def problems(study: Study) -> list[str]:
    """Return one line for everything in a study that does not fit together."""
    own = [line for check in CHECKS for line in check(study)]
    return own or [line for check in (_variants, _ensemble) for line in check(study)]


def _lengths(study: Study) -> Iterator[str]:
    frames, harmonic = study.frames, {*study.harmonic.full, *study.harmonic.tracked}
    if missing := [n for n in frames.lengths() if not study.campaigns_of(n)]:
        spared = f" (that of spectra.reference, {study.spectra.reference}, gives no frames)"
        yield f"frames: chain lengths {missing} are in no sampling campaign{spared if study.spectra.reference else ''}"
    if untrained := sorted(set(frames.validation) - set(frames.train)):
        yield f"frames.validation: chain lengths {untrained} are not trained on"
    wanted = study.labels.polar_tensors.items()
    if many := [length for length, count in wanted if count > frames.train.get(length, 0)]:
        yield f"labels.polar_tensors: more than frames.train has of chain lengths {many}; ask for fewer"
    if lonely := sorted(harmonic - set(study.simulation.lengths)):
        yield f"harmonic: chain lengths {lonely} are not in simulation.lengths"
    replicas = study.simulation.replicas
    if isinstance(replicas, dict) and (missing := sorted(set(study.simulation.lengths) - set(replicas))):
        yield f"simulation.replicas: chain lengths {missing} of simulation.lengths have none; give each a number"


def _molecule(study: Study) -> Iterator[str]:
    try:
        smiles = smiles_of(study.molecule.name, study.molecule.smiles)
    except ConfigError as error:
        yield str(error)
        return
    sampled = {n for campaign in study.sampling.values() for n in campaign.lengths}
    harmonic = {*study.harmonic.full, *study.harmonic.tracked}
    asked = {*sampled, *study.simulation.lengths, *harmonic, *study.frames.lengths()}
    if "*" not in smiles and asked - {1}:
        yield (
            f"molecule.smiles has no attachment points [*:1] and [*:2], so chain lengths {sorted(asked - {1})} "
            "do not exist"
        )


def _label(study: Study) -> Iterator[str]:
    """Yield why the name of the molecule cannot stand in file names, or belongs to another molecule."""
    name, smiles, known = study.molecule.name, study.molecule.smiles, NAMES.get(study.molecule.name)
    if not name.strip() or len(name) > LONGEST or not name.isprintable() or re.search(r"[\\/]", name):
        shown = name if len(name) <= LONGEST else f"{name[:20]}..."
        yield f"molecule.name: {shown!r} is no file name; give 1 to {LONGEST} printable characters without slashes"
    if smiles and known and not related(smiles, known):
        yield f"molecule.name: '{name}' is {known}, not {smiles}; give another name, or leave out molecule.smiles"


def _sampling(study: Study) -> Iterator[str]:
    """Yield the chain lengths whose trajectories are too few, or too short, for the frames asked for."""
    for length in study.frames.lengths():
        campaigns = [study.sampling[name] for name in study.campaigns_of(length)]
        splits = study.frames.of(length)
        replicas = sum(campaign.replicas for campaign in campaigns)
        if study.selection.split == "replica" and 0 < replicas < len(splits):
            yield (
                f"sampling: chain length {length} has {replicas} replica(s) for {len(splits)} splits "
                f"({', '.join(splits)}); raise replicas, or say selection.split: block"
            )
        kept = sum(campaign.replicas * (campaign.steps // campaign.stride) for campaign in campaigns)
        if campaigns and kept < (wanted := sum(splits.values())):
            yield (
                f"frames: {wanted} frames of chain length {length}, but its campaigns keep {kept} "
                "(replicas * steps / stride); ask for fewer, or sample more"
            )


UNINFORMED = 1e-4
"""Largest useful threshold of natural functions where the prior is none."""
FITTING = re.compile("fit|ri$|weigend|demon|ahlrichs")
"""What the names of auxiliary bases have in PySCF, without their dashes."""


def _basis(study: Study) -> Iterator[str]:
    found = [int(l) for l in re.findall(r"(\d+)[eo]", study.density_network.irreps)]
    if found and max(found) < study.basis.max_l:
        yield (
            f"density_network.irreps: highest l is {max(found)}, but basis.max_l is {study.basis.max_l}; "
            "add features of that l, or lower basis.max_l"
        )


def _fitting(study: Study) -> Iterator[str]:
    """Yield the bases for fitting densities that are, by their name, for orbitals."""
    asked = {"reference.coulomb_basis": study.reference.coulomb_basis}
    if study.basis.kind == "named":
        asked["basis.name"] = study.basis.name
    for key, name in asked.items():
        if not FITTING.search("".join(filter(str.isalnum, name.lower()))):
            yield f"{key}: {name} is no basis that densities are fitted in (their names end in fit or ri)"


def _prior(study: Study) -> Iterator[str]:
    basis = study.basis
    if basis.prior == "none" and basis.kind == "natural" and basis.threshold > UNINFORMED:
        yield (
            f"basis.threshold: {basis.threshold:g} of the largest weight, which with prior: none is that of the cores, "
            f"leaves next to nothing for the valence; say {UNINFORMED:g} or less"
        )


def _grid(study: Study) -> Iterator[str]:
    """Yield what training on a grid, and what is learned there, cannot do without."""
    steps, kept = study.grid_training.steps, study.labels.keep_densities
    if steps and (missing := [split for split in ("train", "validation") if split not in kept]):
        yield (
            f"grid_training.steps: needs the DFT densities of {' and '.join(missing)} frames; say "
            "labels.keep_densities: [train, validation, test]"
        )
    if study.grid_training.flexible and not steps:
        yield "grid_training.flexible: asks for training on the grid; give grid_training.steps some"
    if steps and study.joint_training.steps:
        yield "joint_training.steps: would pull the density back to its fitted coefficients; leave out grid_training"


def _variants(study: Study) -> Iterator[str]:
    """Yield what is wrong with the variants of a study that is sound itself."""
    available = study.frames.train
    for name, variant in study.variants.items():
        try:
            study.variant(name)
        except ConfigError as error:
            yield from (f"variants.{name}.{line.strip()}" for line in str(error).splitlines()[1:])
        if variant.basis and (missing := {"train", "validation", "test"} - {*study.labels.keep_densities}):
            yield (
                f"variants.{name}.basis: fitted again from DFT densities, and labels.keep_densities lacks "
                f"{', '.join(sorted(missing))}"
            )
        wanted = variant.train_frames
        if isinstance(wanted, int) and wanted > sum(available.values()):
            yield f"variants.{name}.train_frames: {wanted}, of {sum(available.values())} in frames.train; ask for fewer"
        elif isinstance(wanted, dict) and (many := [n for n, count in wanted.items() if count > available.get(n, 0)]):
            yield f"variants.{name}.train_frames: more than frames.train has of chain lengths {many}; ask for fewer"


def _ensemble(study: Study) -> Iterator[str]:
    simulation = study.simulation
    if unknown := [name for name in simulation.ensemble if name not in study.variants]:
        yield f"simulation.ensemble: {', '.join(unknown)} is not among the variants; there are {[*study.variants]}"
    for name in (name for name in simulation.ensemble if name in study.variants):
        one = study.variant(name)
        if one.basis != study.basis or one.grid_training.flexible or study.grid_training.flexible:
            yield (
                f"simulation.ensemble: {name} and the study describe the density in different functions (basis, "
                "grid_training.flexible); leave it out"
            )
    if simulation.max_deviation and not simulation.ensemble:
        yield (
            "simulation.max_deviation: one model does not deviate from anything; name variants with other seeds under "
            "simulation.ensemble, or leave it out"
        )


def _times(study: Study) -> Iterator[str]:
    simulation, spectra = study.simulation, study.spectra
    ratio = simulation.stride / simulation.timestep
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        yield (
            f"simulation.stride: {simulation.stride:g} fs is not a multiple of simulation.timestep "
            f"= {simulation.timestep:g} fs"
        )
    if folded := _folded(study, simulation.stride, simulation.timestep):
        yield f"simulation.stride: {folded}; make it smaller"
    if spectra.range[0] >= spectra.range[1]:
        yield f"spectra.range: {spectra.range[0]:g} is not below {spectra.range[1]:g}; give the lower end first"
    if simulation.production < (segment := WIDTH / spectra.fwhm):
        yield (
            f"simulation.production: {simulation.production:g} ps is shorter than the {segment:.3g} ps that lines of "
            f"spectra.fwhm = {spectra.fwhm:g} cm^-1 need; run longer, or raise spectra.fwhm"
        )


def _folded(study: Study, interval: float, timestep: float) -> str:
    """Return what frames fold into the spectra, in words; empty when nothing. Both times in fs."""
    if not aliasing.folded(interval, timestep, ["H"]):
        return ""
    from densnet.systems import elements  # loads RDKit, for strides where the elements matter

    try:
        symbols = elements(study.molecule)
    except ConfigError:  # said where molecules are checked
        symbols = ["H"]
    return aliasing.folded(interval, timestep, symbols)


def _reference(study: Study) -> Iterator[str]:
    """Yield why the trajectories of a campaign cannot serve as the reference of the spectra."""
    name, spectra = study.spectra.reference, study.spectra
    if name is None:
        return
    if name not in study.sampling:
        yield f"spectra.reference: no campaign '{name}' in sampling; there are {', '.join(study.sampling)}"
        return
    campaign, key = study.sampling[name], f"sampling.{name}"
    if campaign.method != "aimd":
        yield f"{key}.method: {campaign.method}, but spectra.reference needs dipoles of the reference level: aimd"
    if lonely := sorted(set(campaign.lengths) - set(study.simulation.lengths)):
        yield f"{key}.lengths: {lonely} are not in simulation.lengths, so spectra.reference has no counterpart there"
    if campaign.ensemble == "langevin" and (added := FRICTION * campaign.friction) > spectra.fwhm / 4:
        yield (
            f"{key}.friction: {campaign.friction:g} per ps broadens lines by {added:.3g} cm^-1, too much for "
            f"spectra.fwhm = {spectra.fwhm:g}; say ensemble: nve, or friction at most {spectra.fwhm / 4 / FRICTION:.2g}"
        )
    yield from _reference_times(campaign, key, study)


def _reference_times(campaign: Campaign, key: str, study: Study) -> Iterator[str]:
    time, spectra = campaign.steps * campaign.timestep / 1e3, study.spectra
    halves = 2 if campaign.replicas == 1 else 1  # a single trajectory is cut to see how it agrees with itself
    if time < (needed := halves * WIDTH / spectra.fwhm):
        yield (
            f"{key}.steps: {time:g} ps are shorter than the {needed:.4g} ps that spectra.fwhm = {spectra.fwhm:g} cm^-1 "
            f"needs of {'each' if halves == 1 else 'a single'} replica of spectra.reference; run longer, or raise "
            "spectra.fwhm"
        )
    if folded := _folded(study, campaign.stride * campaign.timestep, campaign.timestep):
        yield f"{key}.stride: {folded}; make it smaller"


CHECKS = (_lengths, _molecule, _label, _sampling, _basis, _fitting, _prior, _grid, _times, _reference)
