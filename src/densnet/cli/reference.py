"""Commands that make labelled frames."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from densnet.cli.options import EXTENDED, command, output, read_molecules, whole
from densnet.config import load_study
from densnet.errors import CalculationError, DataError

log = logging.getLogger("densnet")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    sample = command(commands, "sample", run_sample, "run one trajectory of a study's sampling campaign")
    sample.add_argument("study", type=Path)
    sample.add_argument("campaign")
    sample.add_argument("--length", type=whole(1), default=1)
    sample.add_argument("--replica", type=whole(0), default=0)
    output(sample, "sample.traj")
    label = command(commands, "label", run_label, "compute energy, forces, dipole and density of frames")
    label.add_argument("study", type=Path)
    label.add_argument("frames", type=Path, help="structure file ASE reads")
    output(label, "labels.h5")
    fit = command(commands, "fit", run_fit, "fit the densities of labelled frames")
    fit.add_argument("study", type=Path)
    fit.add_argument("labels", type=Path, help="label file")
    fit.add_argument("--basis", type=Path, required=True, help="auxiliary basis, a basis.json")
    fit.add_argument("--atoms", type=Path, required=True, help="free atoms, an atoms.json")
    output(fit, "fits.h5")
    export = command(commands, "export", run_export, "write labelled frames as extended XYZ, for other programs")
    export.add_argument("dataset", type=Path)
    export.add_argument("--split", choices=("train", "validation", "test"), help="default: all")
    output(export, "frames.extxyz", EXTENDED)


def run_sample(given: argparse.Namespace) -> None:
    """Run one sampling trajectory."""
    from densnet.reference.sampling import sample

    study = load_study(given.study)
    if given.campaign not in study.sampling:
        raise DataError(f"{given.study}: no campaign '{given.campaign}'; it has {', '.join(study.sampling)}")
    sample(
        study.molecule, given.length, study.sampling[given.campaign], study.reference, replica=given.replica,
        seed=study.seed, out=given.out, name=given.campaign,
    )  # fmt: skip


def run_label(given: argparse.Namespace) -> None:
    """Label frames."""
    from densnet.reference.labels import label

    study, frames = load_study(given.study), read_molecules(given.frames)
    failed = given.out.with_suffix(".failed.json")
    labelled = label(frames, study.reference, out=given.out, failed=failed)
    if not labelled:
        raise CalculationError(f"{given.frames}: none of {len(frames)} frame(s) could be labelled; {failed} says why")
    if labelled < len(frames):
        log.warning("%d of %d frames could not be labelled; %s says why", len(frames) - labelled, len(frames), failed)


def run_fit(given: argparse.Namespace) -> None:
    """Fit the densities of labelled frames."""
    from densnet.basis import AuxiliaryBasis
    from densnet.prior import FreeAtoms
    from densnet.reference.fits import fit_labels

    basis, free_atoms = AuxiliaryBasis.load(given.basis), FreeAtoms.load(given.atoms)
    study = load_study(given.study)
    keep = study.labels.keep_densities
    fit_labels(given.labels, study.reference, basis, free_atoms, out=given.out, keep_densities=keep)


def run_export(given: argparse.Namespace) -> None:
    """Write labelled frames as extended XYZ."""
    from densnet.dataset import Dataset
    from densnet.export import write_extxyz

    log.info("%s: %d frames", given.out, write_extxyz(Dataset.open(given.dataset), given.out, given.split))
