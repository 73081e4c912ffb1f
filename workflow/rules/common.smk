"""The study, and what the rules ask about it."""

import os
from pathlib import Path

from snakemake.logging import logger

from densnet import shipped, shipped_models
from densnet.config import check_results
from densnet.errors import DensnetError
from densnet.spectra import shipped as shipped_spectra
from densnet.workflow import check_chemistry, chunks, effort, gpus, jobs_of_dynamics, network_gpus, read_study, sources

try:
    study = read_study(config, Path(workflow.basedir))
    SETS = Path(os.path.relpath(Path(workflow.basedir) / "data"))
    SHIPPED, about_labels = shipped.find(study, SETS, Path("results"))
    TRAINED = Path("results", study.name, "joint" if study.joint_training.steps else "energy", "model.pt")
    TAKEN = Path("results", study.name, "shipped", "model.pt")
    SHIPPED_MODEL, about_model = shipped_models.find(study, SETS.parent / "models", TRAINED, TAKEN)
    SHA256 = shipped.read_index(SHIPPED_MODEL.parent)[SHIPPED_MODEL.stem]["sha256"] if SHIPPED_MODEL else None
    SHIPPED_SPECTRA, about_spectra = shipped_spectra.find(study, SETS / "spectra", Path("results"), SHA256)
    if workflow.is_main_process:  # the processes of single jobs need not look again
        check_chemistry(study)
        for about in filter(None, [about_labels, about_model, *about_spectra]):
            logger.info(about)
        check_results(study.name, study.molecule, Path("results"))
except DensnetError as error:
    raise WorkflowError(str(error)) from None


GPUS, NETWORK_GPUS = gpus(study.reference.device), network_gpus(study.device)
PROCESSES = 1 if GPUS else study.harmonic.processes
DATASET = "<results>/dataset.zarr.zip"
TRACKED = shipped_spectra.tracked_lengths(study)
REFERENCE = study.sampling[study.spectra.reference] if study.spectra.reference else None
VARIANTS = {name: study.variant(name) for name in study.variants}


wildcard_constraints:
    campaign=r"[\w-]+",
    length=r"\d+",
    replica=r"\d+",
    chunk=r"\d+",
    variant="|".join(VARIANTS) or "none",


# How hard and where the reference is computed changes no result: as resources, which repeat nothing when they change.
EFFORT = effort(study.reference)
ON_CPU = {**study.reference.level(), "device": "cpu"}


def settings(section, **fixed):
    """Return a section as a rule's parameter, with ``fixed`` in place of what does not matter to the rule."""
    return section.model_copy(update=fixed).model_dump()


def memory(base, per_monomer):
    """Return the memory of a job in MB as a function of the length of its chain, for each of its processes."""
    return lambda wildcards, threads: threads * (base + per_monomer * int(wildcards.length))


def one_of(lengths):
    """Return the pattern of a wildcard that takes only these values; without any, one that nothing matches."""
    return "|".join(map(str, lengths)) or "none"


def not_shipped(pattern, lengths):
    """Return the chain lengths whose spectrum has to be computed, as the pattern of a wildcard."""
    return one_of([length for length in lengths if pattern.format(length) not in SHIPPED_SPECTRA])


def sha256_of_shipped(spectrum):
    """Return the checksum of a shipped spectrum: another one is taken again."""
    return shipped_spectra.read(SHIPPED_SPECTRA[spectrum])["sha256"]


def sampled(campaign, length):
    """Return the trajectories of one campaign and chain length."""
    replicas = range(study.sampling[campaign].replicas)
    return [f"<results>/sample/{campaign}/{length}/{replica}.traj" for replica in replicas]


def samples(wildcards):
    """Return the trajectories from which frames of one chain length are picked."""
    campaigns = study.campaigns_of(int(wildcards.length))
    return [path for campaign in campaigns for path in sampled(campaign, wildcards.length)]


def campaign_of(name, length):
    """Return what decides a trajectory of a campaign, as a rule's parameter."""
    return settings(study.sampling[name], lengths=[int(length)], replicas=1)


def reference_lengths():
    """Return the chain lengths whose spectrum is held against that of ab initio trajectories."""
    return REFERENCE.lengths if REFERENCE else []


def twin_lengths():
    """Return the chain lengths whose ab initio trajectories the model can follow: no thermostat gives them energy."""
    return reference_lengths() if REFERENCE and REFERENCE.ensemble == "nve" else []


def sampling_level(wildcards):
    """Return the level of theory along a trajectory; xTB ignores it, so changing it must not repeat xTB runs."""
    campaign = study.sampling[wildcards.campaign]
    if campaign.method == "xtb":
        return {}
    return study.reference.level() | {"grid_level": campaign.grid_level, "conv_tol": campaign.conv_tol}


def sampling_gpus(wildcards):
    """Return the GPUs of a sampling job; xTB has no use for one."""
    return GPUS if study.sampling[wildcards.campaign].method == "aimd" else 0


def basis_labels():
    """Return the labels behind the auxiliary basis."""
    lengths = [length for length in study.frames.train if length <= study.basis.max_length]
    return chunk_files("<results>/labels/{length}/{chunk}.h5", lengths or [min(study.frames.train)])


def basis_file(study):
    """Return the file that the auxiliary basis of a study, or of a variant, is read from, if there is one."""
    return [study.basis.name] if study.basis.kind == "file" else []


def frames_per_job(wildcards):
    """Return how many frames a labelling job takes."""
    return study.labels.frames_per_job(int(wildcards.length))


def chunk_files(pattern, lengths=None):
    """Return the files of the labelling jobs of some chain lengths, by default of all."""
    return [
        pattern.format(length=length, chunk=chunk)
        for length in lengths or study.frames.lengths()
        for chunk in chunks(study, length)
    ]


def model_minimum(wildcards):
    """Return the model's minimum and modes: DFT that is tracked in them begins there, on one conformer."""
    return [f"<results>/harmonic/model_{wildcards.length}.json"] if int(wildcards.length) in TRACKED else []


def trained_here(wildcards):
    """Return the model of the study with its errors; one that ships already would only get another checksum."""
    if SHIPPED_MODEL:
        raise WorkflowError(f"{SHIPPED_MODEL} ships already; `--config models=compute` trains one to ship in its place")
    return "<results>/model.pt"


def trajectories(lengths):
    """Return the trajectories of the model for some chain lengths."""
    return [
        f"<results>/md/{length}/{replica}.h5"
        for length in lengths
        for replica in range(study.simulation.replicas_of(int(length)))
    ]


def dynamics(wildcards):
    """Return what decides a trajectory of the model, as a rule's parameter."""
    return settings(study.simulation, lengths=[int(wildcards.length)], replicas=1, batch=1)


def variants_report(wildcards):
    """Return the table of the study's variants, and its learning curves; without any variants, say so."""
    if not study.variants:
        raise WorkflowError(f"study '{study.name}' has no variants; name some under `variants`, see config.yaml")
    curves = ["<results>/report/learning.svg"] if study.learning_curve() else []
    return ["<results>/report/variants.md", *curves]


def of_variant(name):
    """Return a setting of the study with those of a variant put over it, as a function of the wildcard."""
    return lambda wildcards: VARIANTS[wildcards.variant].model_dump()[name]


def frames_of_variant(wildcards):
    """Return how many of the study's training frames a variant learns from; None for all."""
    return study.variants[wildcards.variant].train_frames


DENSITY_SECTIONS = "density_network", "density_training"


def home_of(wildcards, *sections, frames=True):
    """Return the folder of what depends on some sections alone: the study's, or that of the first variant like this.

    So nothing is trained twice. ``frames``: whether it depends on the training frames and on the seed.
    """

    def trained(name):
        one = VARIANTS[name] if name else study
        own = one.model_dump(include={"basis", *sections, *({"seed"} if frames else ())})
        return own, study.variants[name].train_frames if name and frames else None

    same = next(name for name in (None, *VARIANTS) if trained(name) == trained(wildcards.variant))
    return f"<results>/variants/{same}" if same else "<results>"


def dataset_of_variant(wildcards):
    """Return the dataset of a variant: the study's own unless it has another basis or prior."""
    home = home_of(wildcards, frames=False)
    return DATASET if home == "<results>" else f"{home}/dataset.zarr.zip"


def coefficients_of_variant(wildcards):
    """Return the density network of a variant before the grid."""
    return f"{home_of(wildcards, *DENSITY_SECTIONS)}/density/density.pt"


def density_of_variant(wildcards):
    """Return the density network of a variant."""
    if not VARIANTS[wildcards.variant].grid_training.steps:
        return coefficients_of_variant(wildcards)
    return f"{home_of(wildcards, *DENSITY_SECTIONS, 'grid_training')}/grid/density.pt"


def energy_of_variant(wildcards):
    """Return the model of a variant before joint training."""
    sections = "grid_training", "energy_network", "energy_training"
    return f"{home_of(wildcards, *DENSITY_SECTIONS, *sections)}/energy/model.pt"


def model_of_variant(wildcards):
    """Return the model of a variant."""
    return variant_models([wildcards.variant])[0]


def variant_models(variants):
    """Return the models of some variants of the study."""
    return [f"<results>/variants/{name}/{last_training(VARIANTS[name])}/model.pt" for name in variants]


def processes_of(training):
    """Return the processes of a training, as a function of the wildcards: a variant has its own."""

    def processes(wildcards):
        one = VARIANTS[wildcards.variant] if "variant" in wildcards.keys() else study
        return getattr(one, training).processes

    return processes


def last_training(one):
    """Return the folder of the last training of a study or of a variant."""
    return "joint" if one.joint_training.steps else "energy"


def spectrum_files():
    """Return the spectra of the study by their kind."""
    lengths = study.simulation.lengths
    compared = sorted({*study.harmonic.full, *study.harmonic.tracked})
    return {
        "infrared": expand("<results>/spectra/{length}.json", length=lengths),
        "model": expand("<results>/harmonic/model_{length}.json", length=lengths),
        "dft": expand("<results>/harmonic/dft_{length}.json", length=compared),
        "aimd": expand("<results>/spectra/aimd_{length}.json", length=reference_lengths()),
        "twins": expand("<results>/spectra/twins_{length}.json", length=twin_lengths()),
    }
