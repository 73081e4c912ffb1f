"""Labels: energy, forces and density of every frame, scattered in chunks; fitted densities; one dataset.

A study whose reference set ships with the project takes it in the place of all this.
"""


rule label:
    input:
        frames="<results>/frames/{length}.extxyz",
        code=sources("reference.labels"),
    output:
        labels="<results>/labels/{length}/{chunk}.h5",
        failed="<results>/labels/{length}/{chunk}.failed.json",
    log:
        "<logs>/label/{length}/{chunk}.log",
    benchmark:
        "<benchmarks>/label/{length}/{chunk}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        **EFFORT,
        mem_mb=memory(6000, 1500),
        runtime=24 * 60,
        gpu=GPUS,
    params:
        reference=study.reference.level(),
        frames=frames_per_job,
    message:
        "Labelling frames of {wildcards.length} monomer(s), chunk {wildcards.chunk}"
    script:
        "../scripts/label.py"


rule fit:
    input:
        labels=rules.label.output.labels,
        atoms=rules.atoms.output[0],
        basis=rules.basis.output.basis,
        code=sources("reference.fits"),
    output:
        "<results>/fits/{length}/{chunk}.h5",
    log:
        "<logs>/fit/{length}/{chunk}.log",
    benchmark:
        "<benchmarks>/fit/{length}/{chunk}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(6000, 1500),
        runtime=240,
    params:
        reference=ON_CPU,
        keep_densities=study.labels.keep_densities,
    message:
        "Fitting densities of {wildcards.length} monomer(s), chunk {wildcards.chunk}"
    script:
        "../scripts/fit.py"


if SHIPPED:

    rule shipped:
        input:
            code=sources("shipped"),
        output:
            DATASET,
        log:
            "<logs>/shipped.log",
        benchmark:
            "<benchmarks>/shipped.tsv"
        conda:
            "../../envs/densnet.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            path=str(SHIPPED),
            sha256=shipped.read_index(SHIPPED.parent)[SHIPPED.name.removesuffix(shipped.SUFFIX)]["sha256"],
            labels=settings(study.labels, source="auto", chunk=1),
        message:
            "Taking the shipped reference set {params.path}"
        script:
            "../scripts/shipped.py"

else:

    rule gather:
        input:
            fits=chunk_files("<results>/fits/{length}/{chunk}.h5"),
            failed=chunk_files("<results>/labels/{length}/{chunk}.failed.json"),
            atoms="<results>/atoms.json",  # not rules.atoms.output: Snakemake would compare it with each of the many fits
            basis="<results>/basis.json",
            floor="<results>/basis_floor.json",
            code=sources("dataset"),
        output:
            DATASET,
        log:
            "<logs>/gather.log",
        benchmark:
            "<benchmarks>/gather.tsv"
        conda:
            "../../envs/densnet.yaml"
        threads: 1
        resources:
            mem_mb=8000,
            runtime=60,
        params:
            name=study.name,
            settings=study.data_settings(),
            labels=settings(study.labels, source="auto", chunk=1),
        message:
            "Gathering labels"
        script:
            "../scripts/gather.py"


rule ship:
    input:
        dataset=DATASET,
        code=sources("report.sets"),
    output:
        touch("<results>/shipped.done"),
    log:
        "<logs>/ship.log",
    benchmark:
        "<benchmarks>/ship.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        folder=str(SETS),
    message:
        "Putting the dataset among the shipped reference sets, with its entry in the index and the table"
    script:
        "../scripts/ship.py"
