"""Turn the trajectories of one chain length into its infrared spectrum with an error band."""

from densnet.config import Spectra
from densnet.spectra.trajectories import infrared_spectrum, write
from densnet.workflow import job

with job(snakemake):
    settings, length = Spectra(**snakemake.params.spectra), int(snakemake.wildcards.length)
    write(snakemake.output[0], infrared_spectrum(snakemake.input.trajectories, settings, length=length))
