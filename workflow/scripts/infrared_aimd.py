"""Turn the ab initio trajectories that a study names as its reference into a spectrum, and into one of each half."""

from densnet.config import Campaign, Spectra
from densnet.spectra.aimd import aimd_spectrum
from densnet.spectra.trajectories import write
from densnet.workflow import job

with job(snakemake):
    settings, length = Spectra(**snakemake.params.spectra), int(snakemake.wildcards.length)
    campaign = Campaign(**snakemake.params.campaign)
    write(snakemake.output[0], aimd_spectrum(snakemake.input.trajectories, settings, campaign, length=length))
