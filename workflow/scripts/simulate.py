"""Run one trajectory with the trained model or an ensemble, from a start conformer that it relaxes, and velocities."""

import ase.io

from densnet.config import Simulation
from densnet.dynamics.calculator import DenSNetCalculator
from densnet.dynamics.md import run
from densnet.dynamics.vibrations import minimise
from densnet.models.ensemble import load_models
from densnet.provenance import seed
from densnet.workflow import job

RELAXED = 0.05  # eV/Angstrom: no strain is left that would heat the molecule

with job(snakemake):
    length, replica = int(snakemake.wildcards.length), int(snakemake.wildcards.replica)
    model, conformers = load_models(snakemake.input.model), ase.io.read(snakemake.input.start, ":")
    start = conformers[replica % len(conformers)]
    start.calc = DenSNetCalculator(model)
    minimise(start, fmax=RELAXED)
    run(
        model,
        start,
        Simulation(**snakemake.params.simulation),
        seed=seed(snakemake.params.seed, snakemake.rule, length, replica),
        out=snakemake.output[0],
        parameters={"length": length, "replica": replica},
    )
