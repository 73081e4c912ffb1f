"""Start geometries, and molecular dynamics with the trained model."""


rule start:
    input:
        code=sources("systems"),
    output:
        "<results>/start/{length}.extxyz",
    log:
        "<logs>/start/{length}.log",
    benchmark:
        "<benchmarks>/start/{length}.tsv"
    priority: -4  # of what the training does not wait for, this comes first
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 200),
        runtime=120,
    params:
        molecule=study.molecule.model_dump(),
        seed=study.seed,
    message:
        "Start geometries of {wildcards.length} monomer(s)"
    script:
        "../scripts/start.py"


rule simulate:
    input:
        start=rules.start.output[0],
        model=[MODEL, *variant_models(study.simulation.ensemble)],
        code=sources("dynamics.md", "dynamics.vibrations"),
    output:
        "<results>/md/{length}/{replica}.h5",
    log:
        "<logs>/simulate/{length}/{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{length}/{replica}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 200),
        runtime=24 * 60,
    params:
        simulation=lambda wildcards: settings(study.simulation, lengths=[int(wildcards.length)], replicas=1),
        seed=study.seed,
    message:
        "Dynamics of {wildcards.length} monomer(s), replica {wildcards.replica}"
    script:
        "../scripts/simulate.py"
