"""DenSNet as a workflow: from a study (one YAML file) to labels, networks, trajectories, spectra and a report.

snakemake                                    the study of config.yaml
snakemake --config study=ethanol             a study of workflow/studies, or the path of a file
snakemake --config study=tiny seed=2         with settings put over those of the file
snakemake labels | model | trajectories      a stage and what it needs
snakemake variants                           learning curves and ablations, where the study has variants
"""

from snakemake.utils import min_version

min_version("9.19")


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


pathvars:
    results=f"results/{study.name}",
    logs=f"results/{study.name}/logs",
    benchmarks=f"results/{study.name}/benchmarks",


include: "workflow/rules/sample.smk"
include: "workflow/rules/basis.smk"
include: "workflow/rules/label.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/spectra.smk"
include: "workflow/rules/report.smk"


if study.variants:

    include: "workflow/rules/variants.smk"


localrules:
    all,
    frames,
    labels,
    model,
    trajectories,
    variants,


rule all:
    default_target: True
    input:
        rules.plot_spectra.output,
        [] if SHIPPED_MODEL else rules.plot_training.output,
        rules.plot_errors.output,
        rules.plot_labels.output,
        rules.pack.output,
        rules.plot_density.output,


rule frames:
    input:
        expand("<results>/frames/{length}.extxyz", length=study.frames.lengths()),


rule labels:
    input:
        "<results>/dataset.zarr.zip",


rule model:
    input:
        "<results>/model.pt",


rule trajectories:
    input:
        trajectories(study.simulation.lengths),


rule variants:
    input:
        variants_report,
