"""Variants of the study: trained otherwise on the same labels, for learning curves, ablations and ensembles."""


rule refit:
    input:
        dataset=DATASET,
        file=lambda wildcards: basis_file(VARIANTS[wildcards.variant]),
        code=sources("reference.refit"),
    output:
        "<results>/variants/{variant}/dataset.zarr.zip",
    log:
        "<logs>/variants/{variant}/refit.log",
    benchmark:
        "<benchmarks>/variants/{variant}/refit.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000 + 1000 * max(study.frames.lengths()),
        runtime=24 * 60,
    params:
        basis=of_variant("basis"),
        labels=settings(study.labels, source="auto", chunk=1),
        reference=ON_CPU,
    message:
        "Fitting densities again for variant {wildcards.variant}"
    script:
        "../scripts/refit.py"


use rule train_density as train_density_variant with:
    input:
        dataset=dataset_of_variant,
        code=sources("training.density", "models.density"),
    output:
        model="<results>/variants/{variant}/density/density.pt",
        history="<results>/variants/{variant}/density/history.csv",
    log:
        "<logs>/variants/{variant}/train_density.log",
    benchmark:
        "<benchmarks>/variants/{variant}/train_density.tsv"
    params:
        network=of_variant("density_network"),
        training=of_variant("density_training"),
        seed=of_variant("seed"),
        train_frames=frames_of_variant,
    message:
        "Training the density network of variant {wildcards.variant}: {params.training[steps]} steps"


use rule train_grid as train_grid_variant with:
    input:
        dataset=dataset_of_variant,
        density=coefficients_of_variant,
        code=sources("training.grid"),
    output:
        model="<results>/variants/{variant}/grid/density.pt",
        history="<results>/variants/{variant}/grid/history.csv",
    log:
        "<logs>/variants/{variant}/train_grid.log",
    benchmark:
        "<benchmarks>/variants/{variant}/train_grid.tsv"
    params:
        reference=ON_CPU,
        training=of_variant("grid_training"),
        seed=of_variant("seed"),
        train_frames=frames_of_variant,
    message:
        "Training the density network of variant {wildcards.variant} on, on the grid: {params.training[steps]} steps"


use rule train_energy as train_energy_variant with:
    input:
        dataset=dataset_of_variant,
        density=density_of_variant,
        code=sources("training.energy", "models.energy"),
    output:
        model="<results>/variants/{variant}/energy/model.pt",
        history="<results>/variants/{variant}/energy/history.csv",
    log:
        "<logs>/variants/{variant}/train_energy.log",
    benchmark:
        "<benchmarks>/variants/{variant}/train_energy.tsv"
    params:
        network=of_variant("energy_network"),
        training=of_variant("energy_training"),
        seed=of_variant("seed"),
        train_frames=frames_of_variant,
    message:
        "Training the energy network of variant {wildcards.variant}: {params.training[steps]} steps"


use rule train_joint as train_joint_variant with:
    input:
        dataset=dataset_of_variant,
        model=energy_of_variant,
        code=sources("training.joint"),
    output:
        model="<results>/variants/{variant}/joint/model.pt",
        history="<results>/variants/{variant}/joint/history.csv",
    log:
        "<logs>/variants/{variant}/train_joint.log",
    benchmark:
        "<benchmarks>/variants/{variant}/train_joint.tsv"
    params:
        training=of_variant("joint_training"),
        seed=of_variant("seed"),
        train_frames=frames_of_variant,
    message:
        "Training both networks of variant {wildcards.variant} on: {params.training[steps]} steps"


use rule evaluate as evaluate_variant with:
    input:
        dataset=dataset_of_variant,
        model=model_of_variant,
        code=sources("report.evaluation"),
    output:
        "<results>/variants/{variant}/evaluation.json",
    log:
        "<logs>/variants/{variant}/evaluate.log",
    benchmark:
        "<benchmarks>/variants/{variant}/evaluate.tsv"
    params:
        train_frames=frames_of_variant,
    message:
        "Errors of variant {wildcards.variant} on the test frames"


rule compare_variants:
    input:
        study=rules.evaluate.output[0],
        variants=expand("<results>/variants/{variant}/evaluation.json", variant=VARIANTS),
        code=sources("report.evaluation", "report.variants"),
    output:
        table=report(
            "<results>/report/variants.md",
            caption="../report/variants.rst",
            category="Variants",
            labels={"figure": "Variants of the study"},
        ),
        values="<results>/report/variants.csv",
    log:
        "<logs>/compare_variants.log",
    benchmark:
        "<benchmarks>/compare_variants.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        variants=list(VARIANTS),
        name=study.molecule.name,
    message:
        "Table of the variants"
    script:
        "../scripts/compare_variants.py"


rule plot_learning:
    input:
        study=rules.evaluate.output[0],
        variants=expand("<results>/variants/{variant}/evaluation.json", variant=study.learning_curve()),
        code=sources("report.evaluation", "report.variants"),
    output:
        report(
            "<results>/report/learning.svg",
            caption="../report/learning.rst",
            category="Variants",
            labels={"figure": "Learning curves"},
        ),
    log:
        "<logs>/plot_learning.log",
    benchmark:
        "<benchmarks>/plot_learning.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        variants=study.learning_curve(),
        name=study.molecule.name,
    message:
        "Figure of the learning curves"
    script:
        "../scripts/plot_learning.py"
