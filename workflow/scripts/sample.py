"""Run one trajectory of a sampling campaign: AIMD at the reference level, or GFN2-xTB."""

from densnet.config import Campaign, Molecule
from densnet.reference.sampling import sample
from densnet.workflow import job, reference

with job(snakemake):
    sample(
        Molecule(**snakemake.params.molecule),
        int(snakemake.wildcards.length),
        Campaign(**snakemake.params.campaign),
        reference(snakemake),
        replica=int(snakemake.wildcards.replica),
        seed=snakemake.params.seed,
        out=snakemake.output[0],
        name=snakemake.wildcards.campaign,
    )
