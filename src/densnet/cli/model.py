"""Commands that use a model on structures."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from densnet.cli.options import (
    CUBE,
    EXTENDED,
    MOLECULE,
    command,
    device,
    keep_inputs,
    one_thread,
    output,
    positive,
    read_molecule,
    read_molecules,
    whole,
)
from densnet.config import Simulation, Spectra
from densnet.errors import DataError, ModelError, SimulationError
from densnet.files import atomic

if TYPE_CHECKING:
    from ase import Atoms

    from densnet.dynamics.start import Start

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
    device(predict)
    output(predict, suffixes=EXTENDED)
    cube = command(commands, "cube", run_cube, "a function of space as a Gaussian cube file, in atomic units")
    cube.add_argument("model", type=Path, help=MODEL)
    cube.add_argument("structure", type=Path, help=MOLECULE)
    cube.add_argument("--quantity", choices=QUANTITIES, default="density", help="difference: to the free atoms")
    cube.add_argument("--spacing", type=positive, default=0.2, help="between points, Å")
    cube.add_argument("--margin", type=positive, default=3.0, help="between the outermost atoms and the walls, Å")
    device(cube)
    output(cube, suffixes=CUBE)
    md = command(commands, "md", run_md, "molecular dynamics: thermalise, then run at constant energy")
    md.add_argument("models", type=Path, nargs="+", metavar="model", help=ENSEMBLE)
    md.add_argument("start", type=Path, help=MOLECULE)
    for name, unit in SIMULATION.items():
        default = Simulation.model_fields[name].default
        md.add_argument(f"--{name}", type=positive, default=default, help=f"{unit}; study key simulation.{name}")
    md.add_argument("--max-deviation", type=positive, help="of an ensemble's forces, eV/Å; where it is larger, stop")
    md.add_argument("--replicas", type=whole(1), default=1, help="independent starts; more than one are numbered")
    md.add_argument("--batch", type=whole(1), default=1, help="replicas that run together; pays for small molecules")
    md.add_argument(
        "--compile",
        action=argparse.BooleanOptionalAction,
        help="compile the model; by default for 20,000 steps and more",
    )
    md.add_argument("--seed", type=int, default=1)
    device(md)
    output(md, "trajectory.h5")
    harmonic = command(
        commands,
        "harmonic",
        run_harmonic,
        "normal modes and infrared intensities at the minimum, as JSON and, beside it, as figure (.png)",
    )
    harmonic.add_argument("model", type=Path, help=MODEL)
    harmonic.add_argument("start", type=Path, help=MOLECULE)
    width = Spectra.model_fields["fwhm"].default
    harmonic.add_argument("--fwhm", type=positive, default=width, help="width of the lines of the figure, cm^-1")
    device(harmonic)
    output(harmonic, "harmonic.json", (".json",))


def run_predict(given: argparse.Namespace) -> None:
    """Write structures with energy, forces and dipole, and cube files where asked for."""
    import ase.io
    from tqdm.auto import tqdm

    from densnet.dynamics.calculator import DenSNetCalculator
    from densnet.dynamics.ensemble import EnsembleCalculator
    from densnet.export import predicted_atoms
    from densnet.models.devices import torch_device
    from densnet.observables import write_cube

    frames, where = read_molecules(given.frames), torch_device(given.device)
    single = len(given.models) == 1
    calculator = DenSNetCalculator(given.models[0], where) if single else EnsembleCalculator(given.models, where)
    cubes = [given.out.with_name(f"{given.out.stem}_{index:04d}.cube") for index in range(len(frames))]
    if given.cube:
        keep_inputs(given, cubes)
    for index, frame in enumerate(frames):
        _check_elements(frame, calculator.model.elements, f"{given.frames}, frame {index}")
    predicted = []
    for index, (frame, cube) in enumerate(zip(tqdm(frames, unit="frame", disable=None), cubes, strict=True)):
        atoms = predicted_atoms(frame, calculator)
        predicted.append(atoms)
        if given.cube:
            write_cube(
                cube, atoms, lambda points, at=atoms: calculator.get_density(points, at), spacing=given.spacing,
                comment=f"electron density, e/bohr^3, frame {index} of {given.frames.name}",
                electrons=atoms.numbers.sum(),
            )  # fmt: skip
    with atomic(given.out) as temporary:
        ase.io.write(temporary, predicted, format="extxyz")
    log.info("%s: %d structure(s) with energy (eV), forces (eV/Å) and dipole (e Å)", given.out, len(predicted))


def _check_elements(frame: Atoms, elements: Sequence[str], where: str) -> None:
    from densnet.models.graph import species_of

    try:
        species_of(list(frame.symbols), elements)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None


def run_cube(given: argparse.Namespace) -> None:
    """Write a function of space as a cube file."""
    from ase.units import Hartree

    from densnet.dynamics.calculator import DenSNetCalculator
    from densnet.models.devices import torch_device
    from densnet.observables import DENSITY, write_cube

    atoms = read_molecule(given.structure)
    atoms.calc = calculator = DenSNetCalculator(given.model, torch_device(given.device))
    function, unit, electrons, comment = {
        "density": (calculator.get_density, DENSITY, atoms.numbers.sum(), "electron density, e/bohr^3"),
        "difference": (calculator.get_density_difference, DENSITY, 0, "density minus that of free atoms, e/bohr^3"),
        "potential": (calculator.get_electrostatic_potential, Hartree, None, "electrostatic potential, Hartree/e"),
    }[given.quantity]
    write_cube(
        given.out, atoms, function, spacing=given.spacing, margin=given.margin, unit=unit,
        comment=f"{comment}, {given.structure.name}", electrons=electrons,
    )  # fmt: skip
    log.info("%s: %s: %s", given.out, atoms.symbols, comment)


def run_md(given: argparse.Namespace) -> None:
    """Run one or several trajectories."""
    from densnet.dynamics.md import complete, keep_unfinished, prepared, run_together
    from densnet.models.devices import torch_device
    from densnet.models.ensemble import load_models

    one_thread()
    named = (*SIMULATION, "compile", "max_deviation")
    simulation = Simulation(lengths=[1], **{name: getattr(given, name) for name in named})
    starts = _starts(given)
    model = prepared(load_models(given.models, torch_device(given.device)), simulation)
    complete(model, starts, simulation)  # refuses before the first step what would be refused after hours
    keep_unfinished(model, starts, simulation, given.batch)
    _warn_of_no_spectrum(simulation, starts[0].atoms.get_chemical_symbols())
    companies = [starts[first : first + given.batch] for first in range(0, len(starts), given.batch)]
    stopped = []
    for company in companies:
        try:
            run_together(model, company, simulation)
        except SimulationError as error:  # of this company alone: the others begin elsewhere
            if len(companies) == 1:
                raise
            log.warning("%s", error)
            stopped.append(company)
    if stopped:
        names = ", ".join(str(start.out) for company in stopped for start in company)
        raise SimulationError(f"{len(stopped)} of {len(companies)} runs stopped, for the reasons above: {names}")


def _warn_of_no_spectrum(simulation: Simulation, symbols: list[str]) -> None:
    """Say before the first step what ``densnet ir`` would refuse after the last."""
    from densnet.spectra.aliasing import folded
    from densnet.spectra.lineshapes import resolution, segment_for

    if wrong := folded(simulation.stride, simulation.timestep, symbols):
        log.warning("--stride %g: %s; `densnet ir` will refuse them", simulation.stride, wrong)
    width, production = Spectra.model_fields["fwhm"].default, simulation.production
    if production < (needed := segment_for(width)):
        log.warning(
            "--production %g: lines of %g cm^-1 need %.2g ps; `densnet ir` will want --fwhm %.0f or more",
            production, width, needed, math.ceil(resolution(production)),
        )  # fmt: skip


def _starts(given: argparse.Namespace) -> list[Start]:
    """Return the starts of all replicas; each knows what was asked for."""
    from densnet.dynamics.start import Start
    from densnet.seeds import seed

    atoms, starts = read_molecule(given.start, vibrating=True), []
    for replica in range(given.replicas):
        numbered = given.out.with_name(f"{given.out.stem}_{replica}{given.out.suffix}")
        asked = {"replica": replica, "replicas": given.replicas, "batch": given.batch, "given_seed": given.seed}
        out = given.out if given.replicas == 1 else numbered
        starts.append(Start(atoms, seed(given.seed, "md", replica), out, parameters=asked))
    return starts


def run_harmonic(given: argparse.Namespace) -> None:
    """Write the model's normal modes, and draw them."""
    from densnet.dynamics.origin import origins
    from densnet.dynamics.vibrations import harmonic_spectrum
    from densnet.models.devices import torch_device
    from densnet.models.ensemble import load_models
    from densnet.provenance import provenance
    from densnet.report.sticks import NARROWEST, harmonic_figure
    from densnet.spectra.harmonic import read, write

    if given.fwhm < NARROWEST:
        raise DataError(f"--fwhm {given.fwhm:g}: too narrow for a figure; give {NARROWEST:g} cm^-1 or more")
    one_thread()
    start = read_molecule(given.start, vibrating=True)
    model = load_models([given.model], torch_device(given.device))
    write(given.out, harmonic_spectrum(model, start, model=origins(model)[0], provenance=provenance()))
    found, figure = read(given.out), given.out.with_suffix(".png")
    harmonic_figure(found, figure, given.fwhm)
    log.info("%s, %s", given.out, figure)
    for wave, strength in zip(found["frequencies"], found["intensities"], strict=True):
        log.info("%9.1f cm^-1 %9.2f km/mol", wave, strength)
