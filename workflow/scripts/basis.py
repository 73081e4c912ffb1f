"""Make the auxiliary basis of the density difference, and measure its floor against its size."""

import json
from pathlib import Path

import ase.io

from densnet.config import Basis, Reference
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.reference.natural import make_basis
from densnet.workflow import job

with job(snakemake):
    frames = {
        int(path.stem): [frame for frame in ase.io.read(path, ":") if frame.info["split"] == "train"]
        for path in map(Path, snakemake.input.frames)  # .../frames/<length>.extxyz
    }
    basis, report = make_basis(frames, Reference(**snakemake.params.reference), Basis(**snakemake.params.basis))
    with atomic(snakemake.output.floor) as temporary:
        temporary.write_text(json.dumps(report | {"provenance": provenance()}, indent=1) + "\n")
    basis.save(snakemake.output.basis)
