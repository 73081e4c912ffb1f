"""Labels: energy, forces, dipole and fitted density of every frame, scattered in chunks and gathered by one writer."""


rule label:
    input:
        frames="<results>/frames/{length}.extxyz",
        atoms=rules.atoms.output[0],
        basis=rules.basis.output.basis,
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
        mem_mb=memory(3000, 1000),
        runtime=24 * 60,
        gpu=GPUS,
    params:
        reference=study.reference.model_dump(),
        frames=frames_per_job,
    message:
        "Labelling frames of {wildcards.length} monomer(s), chunk {wildcards.chunk}"
    script:
        "../scripts/label.py"


rule gather:
    input:
        chunks=chunk_files(".h5"),
        failed=chunk_files(".failed.json"),
        atoms=rules.atoms.output[0],
        basis=rules.basis.output.basis,
        code=sources("dataset"),
    output:
        "<results>/dataset.zarr.zip",
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
        molecule=study.molecule.model_dump(),
        reference=study.reference.model_dump(),
        basis=study.basis.model_dump(),
        labels=study.labels.model_dump(),
        seed=study.seed,
    message:
        "Gathering labels"
    script:
        "../scripts/gather.py"
