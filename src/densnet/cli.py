"""The command ``densnet``: the stages of the workflow that make sense on files of one's own, and a few tools.

Free atoms, auxiliary bases, the selection of frames and the evaluation of a study are the workflow's alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import densnet
from densnet.config import Molecule, Simulation, Spectra, load_study, schema
from densnet.errors import CalculationError, DataError, DensnetError
from densnet.files import atomic

if TYPE_CHECKING:
    from ase import Atoms

log = logging.getLogger("densnet")

FAILED = 2
"""Exit status after an error of the user's input."""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; errors a user can act on become one line."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    level = logging.WARNING if given.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
    try:
        given.run(given)
    except DensnetError as error:
        return _fail(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(f"{error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        log.warning("interrupted; the same command resumes where a checkpoint was made")
        return INTERRUPTED
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"densnet: {message}\n")
    return FAILED


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every subcommand."""
    parser = argparse.ArgumentParser(prog="densnet", description=densnet.__doc__)
    parser.add_argument("--version", action="version", version=f"densnet {densnet.__version__}")
    parser.add_argument("-q", "--quiet", action="store_true", help="warnings and errors only")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_studies, _add_reference, _add_model, _add_spectra):
        add(commands)
    return parser


def _command(commands: argparse._SubParsersAction, name: str, run: object, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    command.set_defaults(run=run)
    return command


def positive(text: str) -> float:
    """Return an option's value, a finite number above zero."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def whole(least: int) -> Callable[[str], int]:
    """Return the reader of an option's value, an integer from ``least`` up."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return value

    return number


def _output(command: argparse.ArgumentParser, default: str | None = None) -> None:
    command.add_argument("-o", "--out", type=Path, default=default, required=default is None, help="file to write")


def _add_studies(commands: argparse._SubParsersAction) -> None:
    check = _command(commands, "check", run_check, "read a study and list every mistake in it")
    check.add_argument("study", type=Path)
    described = _command(commands, "schema", run_schema, "write the JSON schema of a study")
    _output(described, "/dev/stdout")
    build = _command(commands, "build", run_build, "make a start geometry from a name or SMILES")
    build.add_argument("molecule", help="name or SMILES; with [*:1] and [*:2] a repeat unit")
    build.add_argument("--length", type=whole(1), default=1, help="number of repeat units")
    build.add_argument("--conformer", type=whole(0), default=0, help="0 is the lowest in energy")
    build.add_argument("--seed", type=whole(0), default=0)
    _output(build, "start.xyz")


def _add_reference(commands: argparse._SubParsersAction) -> None:
    sample = _command(commands, "sample", run_sample, "run one trajectory of a study's sampling campaign")
    sample.add_argument("study", type=Path)
    sample.add_argument("campaign")
    sample.add_argument("--length", type=whole(1), default=1)
    sample.add_argument("--replica", type=whole(0), default=0)
    _output(sample, "sample.traj")
    label = _command(commands, "label", run_label, "compute energy, forces, dipole and density of frames")
    label.add_argument("study", type=Path)
    label.add_argument("frames", type=Path, help="structure file ASE reads")
    _output(label, "labels.h5")
    fit = _command(commands, "fit", run_fit, "fit the densities of labelled frames")
    fit.add_argument("study", type=Path)
    fit.add_argument("labels", type=Path, help="label file")
    fit.add_argument("--basis", type=Path, required=True, help="auxiliary basis, a basis.json")
    fit.add_argument("--atoms", type=Path, required=True, help="free atoms, an atoms.json")
    _output(fit, "fits.h5")
    export = _command(commands, "export", run_export, "write labelled frames as extended XYZ, for other programs")
    export.add_argument("dataset", type=Path)
    export.add_argument("--split", choices=("train", "validation", "test"), help="default: all")
    _output(export, "frames.extxyz")
    train = _command(commands, "train", run_train, "train both networks on a dataset")
    train.add_argument("study", type=Path)
    train.add_argument("dataset", type=Path)
    train.add_argument("--variant", help="one of the study's variants; default: the study as it is")
    _output(train, "model.pt")


def _add_model(commands: argparse._SubParsersAction) -> None:
    info = _command(commands, "info", run_info, "what a model is: elements, level of theory, training, test errors")
    info.add_argument("model", type=Path)
    predict = _command(commands, "predict", run_predict, "energy, forces and dipole of structures")
    predict.add_argument("models", type=Path, nargs="+", metavar="model", help=ENSEMBLE)
    predict.add_argument("frames", type=Path, help="structure file ASE reads")
    predict.add_argument("--cube", action="store_true", help="also write the density of each frame as a cube file")
    predict.add_argument("--spacing", type=positive, default=0.2, help="of the cube's points, Å")
    _output(predict)
    cube = _command(commands, "cube", run_cube, "a function of space as a Gaussian cube file, in atomic units")
    cube.add_argument("model", type=Path)
    cube.add_argument("structure", type=Path, help="structure file ASE reads; of several frames the last")
    cube.add_argument("--quantity", choices=QUANTITIES, default="density", help="difference: to the free atoms")
    cube.add_argument("--spacing", type=positive, default=0.2, help="between points, Å")
    cube.add_argument("--margin", type=positive, default=3.0, help="between the outermost atoms and the walls, Å")
    _output(cube)
    md = _command(commands, "md", run_md, "molecular dynamics: thermalise, then run at constant energy")
    md.add_argument("models", type=Path, nargs="+", metavar="model", help=ENSEMBLE)
    md.add_argument("start", type=Path, help="structure file ASE reads")
    for name, unit in SIMULATION.items():
        default = Simulation.model_fields[name].default
        md.add_argument(f"--{name}", type=float, default=default, help=f"{unit}; study key simulation.{name}")
    md.add_argument("--max-deviation", type=positive, help="of an ensemble's forces, eV/Å; where it is larger, stop")
    md.add_argument("--replicas", type=whole(1), default=1, help="independent starts; more than one are numbered")
    md.add_argument("--seed", type=int, default=1)
    _output(md, "trajectory.h5")
    harmonic = _command(commands, "harmonic", run_harmonic, "normal modes and infrared intensities at the minimum")
    harmonic.add_argument("model", type=Path)
    harmonic.add_argument("start", type=Path, help="structure file ASE reads")
    _output(harmonic, "harmonic.json")


ENSEMBLE = "model file; several give the mean of an ensemble, and its deviation"
QUANTITIES = ("density", "difference", "potential")
"""What ``densnet cube`` writes."""

SIMULATION = {
    "temperature": "K",
    "timestep": "fs",
    "friction": "1/ps",
    "thermalisation": "ps",
    "production": "ps",
    "stride": "fs",
}
"""Settings of `densnet.config.Simulation` that ``densnet md`` takes, with their units."""


def _add_spectra(commands: argparse._SubParsersAction) -> None:
    ir = _command(commands, "ir", run_ir, "infrared spectrum of trajectories of one molecule, as JSON and figure")
    ir.add_argument("trajectories", type=Path, nargs="+", help="H5MD files, one for each replica")
    ir.add_argument("--harmonic", type=Path, help="harmonic result to draw below")
    fields = Spectra.model_fields
    width = "line width, cm^-1; Welch segments of 48/FWHM ps are used"
    ir.add_argument("--fwhm", type=positive, default=fields["fwhm"].default, help=width)
    ir.add_argument("--range", type=positive, nargs=2, default=fields["range"].default, help="window, cm^-1")
    _output(ir, "infrared.json")


def read_frames(path: Path) -> list[Atoms]:
    """Return every structure of a file ASE reads; raise `DataError` when there is none."""
    import ase.io

    try:
        frames = ase.io.read(path, index=":")
    except Exception as error:  # each of ASE's readers raises what it likes
        reason = "no such file" if not path.exists() else f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: not readable as structures ({reason})") from None
    if not frames:
        raise DataError(f"{path}: holds no structure")
    return frames


def run_check(given: argparse.Namespace) -> None:
    """Check a study: its settings, its molecule, its level of theory, its networks and those of its variants."""
    from densnet.models.spherical import parse_irreps
    from densnet.workflow import check_chemistry

    study = load_study(given.study)
    symbols = check_chemistry(study)
    for one in (study, *map(study.variant, study.variants)):
        for network in (one.density_network, one.energy_network):
            parse_irreps(network.irreps)
    log.info("%s: study '%s' of %s (%s) is sound", given.study, study.name, study.molecule.name, " ".join(symbols))


def run_schema(given: argparse.Namespace) -> None:
    """Write the schema."""
    text = json.dumps(schema(), indent=2) + "\n"
    if given.out == Path("/dev/stdout"):
        sys.stdout.write(text)
        return
    with atomic(given.out) as temporary:
        temporary.write_text(text)


def run_build(given: argparse.Namespace) -> None:
    """Write a start geometry."""
    import ase.io

    from densnet.systems import build

    named = given.molecule.isalpha() and given.molecule.islower()  # no SMILES of a whole molecule looks like that
    molecule = Molecule(name=given.molecule, smiles="" if named else given.molecule)
    atoms = build(molecule, given.length, given.conformer, given.seed)
    with atomic(given.out) as temporary:
        ase.io.write(temporary, atoms, format="extxyz")
    log.info("%s: %s", given.out, atoms.symbols)


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

    study, frames = load_study(given.study), read_frames(given.frames)
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
    fit_labels(given.labels, load_study(given.study).reference, basis, free_atoms, out=given.out)


def run_export(given: argparse.Namespace) -> None:
    """Write labelled frames as extended XYZ."""
    from densnet.dataset import Dataset
    from densnet.export import write_extxyz

    log.info("%s: %d frames", given.out, write_extxyz(Dataset.open(given.dataset), given.out, given.split))


def run_train(given: argparse.Namespace) -> None:
    """Train the density network, then the energy network."""
    import torch

    from densnet.provenance import seed
    from densnet.training import train_density, train_energy
    from densnet.workflow import gpus

    study, train_frames = load_study(given.study), None
    if given.variant:
        if given.variant not in study.variants:
            raise DataError(
                f"{given.study}: no variant '{given.variant}'; it has {', '.join(study.variants) or 'none'}"
            )
        study, train_frames = study.variant(given.variant), study.variants[given.variant].train_frames
    density = given.out.with_suffix(".density.pt")
    device = "cuda" if gpus(study.reference.device) and torch.cuda.is_available() else "cpu"
    # Seeds carry the names of the workflow's rules: the same study and dataset give the same model.
    train_density(
        given.dataset, study.density_network, study.density_training, seed(study.seed, "train_density"), density,
        density.with_suffix(".csv"), device=device, train_frames=train_frames,
    )  # fmt: skip
    train_energy(
        given.dataset, density, study.energy_network, study.energy_training, seed(study.seed, "train_energy"),
        given.out, given.out.with_suffix(".csv"), device=device, train_frames=train_frames,
    )  # fmt: skip


def run_info(given: argparse.Namespace) -> None:
    """Write what a model file is."""
    from densnet.report.card import card

    sys.stdout.write(card(given.model))


def run_predict(given: argparse.Namespace) -> None:
    """Write structures with energy, forces and dipole, and cube files where asked for."""
    import ase.io
    from tqdm.auto import tqdm

    from densnet.dynamics.calculator import DenSNetCalculator
    from densnet.dynamics.ensemble import EnsembleCalculator
    from densnet.export import predicted_atoms
    from densnet.observables import write_cube

    single = len(given.models) == 1
    calculator = DenSNetCalculator(given.models[0]) if single else EnsembleCalculator(given.models)
    predicted = []
    for index, frame in enumerate(tqdm(read_frames(given.frames), unit="frame", disable=None)):
        atoms = predicted_atoms(frame, calculator)
        predicted.append(atoms)
        if given.cube:
            cube = given.out.with_name(f"{given.out.stem}_{index:04d}.cube")
            write_cube(
                cube, atoms, lambda points, at=atoms: calculator.get_density(points, at), spacing=given.spacing,
                comment=f"electron density, e/bohr^3, frame {index} of {given.frames.name}",
            )  # fmt: skip
    with atomic(given.out) as temporary:
        ase.io.write(temporary, predicted, format="extxyz")
    log.info("%s: %d structure(s) with energy (eV), forces (eV/Å) and dipole (e Å)", given.out, len(predicted))


def run_cube(given: argparse.Namespace) -> None:
    """Write a function of space as a cube file."""
    from ase.units import Bohr, Hartree

    from densnet.dynamics.calculator import DenSNetCalculator
    from densnet.observables import write_cube

    atoms, calculator = read_frames(given.structure)[-1], DenSNetCalculator(given.model)
    atoms.calc = calculator
    function, unit, comment = {
        "density": (calculator.get_density, Bohr**-3, "electron density, e/bohr^3"),
        "difference": (calculator.get_density_difference, Bohr**-3, "density minus that of free atoms, e/bohr^3"),
        "potential": (calculator.get_electrostatic_potential, Hartree, "electrostatic potential, Hartree/e"),
    }[given.quantity]
    write_cube(
        given.out, atoms, function, spacing=given.spacing, margin=given.margin, unit=unit,
        comment=f"{comment}, {given.structure.name}",
    )  # fmt: skip
    log.info("%s: %s: %s", given.out, atoms.symbols, comment)


def run_md(given: argparse.Namespace) -> None:
    """Run one or several trajectories."""
    from pydantic import ValidationError

    from densnet.dynamics.md import run
    from densnet.models.ensemble import load_models
    from densnet.provenance import seed

    _one_thread()
    try:
        simulation = Simulation(lengths=[1], **{name: getattr(given, name) for name in (*SIMULATION, "max_deviation")})
    except ValidationError as error:
        wrong = ", ".join(f"--{e['loc'][0]}: {e['msg'].lower()} (given: {e['input']})" for e in error.errors())
        raise DataError(wrong) from None
    model, start = load_models(given.models), read_frames(given.start)[-1]
    for replica in range(given.replicas):
        numbered = given.out.with_name(f"{given.out.stem}_{replica}{given.out.suffix}")
        out = given.out if given.replicas == 1 else numbered
        run(model, start, simulation, seed(given.seed, "md", replica), out, parameters={"replica": replica})


def run_harmonic(given: argparse.Namespace) -> None:
    """Write the model's normal modes."""
    from densnet.dynamics.vibrations import harmonic_spectrum
    from densnet.models.densnet import DenSNet
    from densnet.provenance import provenance
    from densnet.spectra.harmonic import write

    _one_thread()
    start = read_frames(given.start)[-1]
    found = harmonic_spectrum(DenSNet.load(given.model), start, provenance=provenance())
    write(given.out, found)
    for wave, strength in zip(found["frequencies"], found["intensities"], strict=True):
        log.info("%9.1f cm^-1 %9.2f km/mol", wave, strength)


def run_ir(given: argparse.Namespace) -> None:
    """Write the spectrum of trajectories, and draw it."""
    from densnet.report.spectra import single_figure
    from densnet.spectra import harmonic, trajectories

    low, high = given.range
    if low >= high:
        raise DataError(f"--range {low:g} {high:g}: empty window; give the lower wavenumber first")
    settings = Spectra(fwhm=given.fwhm, range=(low, high))
    found = trajectories.infrared_spectrum(given.trajectories, settings)
    trajectories.write(given.out, found)
    below = harmonic.read(given.harmonic) if given.harmonic else None
    figure = given.out.with_suffix(".png")
    single_figure(trajectories.read(given.out), below, figure)
    log.info("%s, %s: lines %.0f cm^-1 wide", given.out, figure, found["fwhm"])
    for peak in found["peaks"]:
        log.info("%7.0f cm^-1  %.3g ± %.2g km/mol per cm^-1", *peak.values())


def _one_thread() -> None:
    """Keep PyTorch to one thread: on one small molecule more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)


if __name__ == "__main__":
    sys.exit(main())
