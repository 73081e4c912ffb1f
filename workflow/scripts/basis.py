"""Make the auxiliary basis of the density difference, and measure its floor against its size."""

import json

from densnet.config import Basis, Reference
from densnet.files import atomic
from densnet.provenance import provenance
from densnet.reference.labels import read_all
from densnet.reference.natural import make_basis
from densnet.workflow import by_length, job

with job(snakemake):
    frames = {length: read_all(paths).of("train") for length, paths in by_length(snakemake.input.labels).items()}
    basis, report = make_basis(frames, Reference(**snakemake.params.reference), Basis(**snakemake.params.basis))
    with atomic(snakemake.output.floor) as temporary:
        temporary.write_text(json.dumps(report | {"provenance": provenance()}, indent=1) + "\n")
    basis.save(snakemake.output.basis)
