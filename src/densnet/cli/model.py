"""Commands that use a model on structures."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from densnet.cli.options import command, one_thread, output, positive, read_frames, whole
from densnet.config import Simulation
from densnet.errors import DataError
from densnet.files import atomic

log = logging.getLogger("densnet")

MODEL = "model file, or the name of one that ships"
ENSEMBLE = f"{MODEL}; several give the mean of an ensemble, and its deviation"
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


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    predict = command(commands, "predict", run_predict, "energy, forces and dipole of structures")
    predict.add_argument("models", type=Path, nargs="+", metavar="model", help=ENSEMBLE)
    predict.add_argument("frames", type=Path, help="structure file ASE reads")
    predict.add_argument("--cube", action="store_true", help="also write the density of each frame as a cube file")
    predict.add_argument("--spacing", type=positive, default=0.2, help="of the cube's points, Å")
    output(predict)
    cube = command(commands, "cube", run_cube, "a function of space as a Gaussian cube file, in atomic units")
    cube.add_argument("model", type=Path, help=MODEL)
    cube.add_argument("structure", type=Path, help="structure file ASE reads; of several frames the last")
    cube.add_argument("--quantity", choices=QUANTITIES, default="density", help="difference: to the free atoms")
    cube.add_argument("--spacing", type=positive, default=0.2, help="between points, Å")
    cube.add_argument("--margin", type=positive, default=3.0, help="between the outermost atoms and the walls, Å")
    output(cube)
    md = command(commands, "md", run_md, "molecular dynamics: thermalise, then run at constant energy")
    md.add_argument("models", type=Path, nargs="+", metavar="model", help=ENSEMBLE)
    md.add_argument("start", type=Path, help="structure file ASE reads")
    for name, unit in SIMULATION.items():
        default = Simulation.model_fields[name].default
        md.add_argument(f"--{name}", type=float, default=default, help=f"{unit}; study key simulation.{name}")
    md.add_argument("--max-deviation", type=positive, help="of an ensemble's forces, eV/Å; where it is larger, stop")
    md.add_argument("--replicas", type=whole(1), default=1, help="independent starts; more than one are numbered")
    md.add_argument("--batch", type=whole(1), default=1, help="replicas that run together; pays for small molecules")
    md.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="compile the model; by default for 20,000 steps and more",
    )
    md.add_argument("--seed", type=int, default=1)
    output(md, "trajectory.h5")
    harmonic = command(commands, "harmonic", run_harmonic, "normal modes and infrared intensities at the minimum")
    harmonic.add_argument("model", type=Path, help=MODEL)
    harmonic.add_argument("start", type=Path, help="structure file ASE reads")
    output(harmonic, "harmonic.json")


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

    from densnet.dynamics.md import prepared, run_together
    from densnet.dynamics.replica import Start
    from densnet.models.ensemble import load_models
    from densnet.provenance import seed

    one_thread()
    try:
        named = (*SIMULATION, "compile", "max_deviation")
        simulation = Simulation(lengths=[1], **{name: getattr(given, name) for name in named})
    except ValidationError as error:
        wrong = ", ".join(f"--{e['loc'][0]}: {e['msg'].lower()} (given: {e['input']})" for e in error.errors())
        raise DataError(wrong) from None
    model, atoms = prepared(load_models(given.models), simulation), read_frames(given.start)[-1]
    starts = []
    for replica in range(given.replicas):
        numbered = given.out.with_name(f"{given.out.stem}_{replica}{given.out.suffix}")
        out = given.out if given.replicas == 1 else numbered
        starts.append(Start(atoms, seed(given.seed, "md", replica), out, parameters={"replica": replica}))
    for first in range(0, len(starts), given.batch):
        run_together(model, starts[first : first + given.batch], simulation)


def run_harmonic(given: argparse.Namespace) -> None:
    """Write the model's normal modes."""
    from densnet.dynamics.vibrations import harmonic_spectrum
    from densnet.models.densnet import DenSNet
    from densnet.provenance import provenance
    from densnet.spectra.harmonic import write

    one_thread()
    start = read_frames(given.start)[-1]
    found = harmonic_spectrum(DenSNet.load(given.model), start, provenance=provenance())
    write(given.out, found)
    for wave, strength in zip(found["frequencies"], found["intensities"], strict=True):
        log.info("%9.1f cm^-1 %9.2f km/mol", wave, strength)
