"""Run trajectories with the trained model or an ensemble, from start conformers that it relaxes, and velocities."""

from pathlib import Path

import ase.io

from densnet.config import Simulation
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.dynamics.md import run_together
from densnet.dynamics.replica import Start
from densnet.dynamics.vibrations import minimise
from densnet.models.ensemble import load_models
from densnet.seeds import seed
from densnet.workflow import device_of, job

RELAXED = 0.05  # eV/Angstrom: no strain is left that would heat the molecule

with job(snakemake):
    length, replicas = int(snakemake.wildcards.length), snakemake.params.replicas
    model = load_models(snakemake.input.model)
    conformers = ase.io.read(snakemake.input.start, ":")
    starts = []
    for replica, out in zip(replicas, snakemake.output, strict=True):
        atoms = conformers[replica % len(conformers)].copy()
        atoms.calc = DenSNetCalculator(model)
        minimise(atoms, fmax=RELAXED)
        number = seed(snakemake.params.seed, "simulate", length, replica)  # the same alone and in a batch
        starts.append(Start(atoms, number, Path(out), parameters={"length": length, "replica": replica}))
    # Starts are relaxed on the CPU, where they are the same bits again after a kill, and so the same trajectories.
    run_together(model.to(device_of(snakemake)), starts, Simulation(**snakemake.params.simulation))
