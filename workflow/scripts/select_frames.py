"""Pick the frames of one chain length that are labelled, and deal them to training, validation and test."""

from pathlib import Path

from densnet.config import Selection
from densnet.reference.selection import select
from densnet.workflow import job

with job(snakemake):
    # .../sample/<campaign>/<length>/<replica>.traj
    trajectories = {(path.parts[-3], int(path.stem)): path for path in map(Path, snakemake.input.trajectories)}
    select(
        trajectories,
        snakemake.params.counts,
        Selection(**snakemake.params.selection),
        seed=snakemake.params.seed,
        out=snakemake.output[0],
        conformers=snakemake.params.conformers,
        polar=snakemake.params.polar,
    )
