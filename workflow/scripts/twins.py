"""Run the trained model from where ab initio trajectories start, and turn the trajectories into a spectrum."""

from pathlib import Path

from densnet.config import Campaign, Spectra
from densnet.models.ensemble import load_models
from densnet.spectra.trajectories import read, write
from densnet.spectra.twins import twin_spectrum
from densnet.workflow import device_of, job

with job(snakemake):
    model = load_models(snakemake.input.model).to(device_of(snakemake))
    spectrum = twin_spectrum(
        model,
        read(snakemake.input.reference),
        Campaign(**snakemake.params.campaign),
        Spectra(**snakemake.params.spectra),
        [Path(path) for path in snakemake.output.trajectories],
        length=int(snakemake.wildcards.length),
    )
    write(snakemake.output.spectrum, spectrum)
