"""Draw a slice through the density difference of a test frame: fitted, predicted, and the difference of the two."""

from pathlib import Path

from densnet.dataset import Dataset
from densnet.models.densnet import DenSNet
from densnet.report.density import density_figure
from densnet.workflow import job

with job(snakemake):
    dataset, model = Dataset.open(snakemake.input.dataset), DenSNet.load(snakemake.input.model)
    density_figure(dataset, model, Path(snakemake.output[0]), snakemake.params.name)
