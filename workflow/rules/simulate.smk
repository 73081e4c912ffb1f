"""Molecular dynamics with the trained model."""


rule simulate:
    input:
        model=rules.train_energy.output.model,
        code=sources("dynamics.md", "dynamics.vibrations", "systems"),
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
        molecule=study.molecule.model_dump(),
        simulation=lambda wildcards: settings(study.simulation, lengths=[int(wildcards.length)], replicas=1),
        seed=study.seed,
    message:
        "Dynamics of {wildcards.length} monomer(s), replica {wildcards.replica}"
    script:
        "../scripts/simulate.py"
