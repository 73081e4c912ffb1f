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


DYNAMICS = {
    "start": rules.start.output[0],
    "model": [MODEL, *variant_models(study.simulation.ensemble)],
    "code": sources("dynamics.md", "dynamics.vibrations"),
}


rule simulate:
    input:
        **DYNAMICS,
    output:
        "<results>/md/{length}/{replica}.h5",
    log:
        "<logs>/simulate/{length}/{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{length}/{replica}.tsv"
    wildcard_constraints:
        replica=r"\d+" if study.simulation.batch == 1 else one_of([]),
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 200),
        runtime=24 * 60,
        gpu=NETWORK_GPUS,
    params:
        simulation=dynamics,
        seed=study.seed,
        replicas=lambda wildcards: [int(wildcards.replica)],
    message:
        "Dynamics of {wildcards.length} monomer(s), replica {wildcards.replica}"
    script:
        "../scripts/simulate.py"


# Replicas that share a job are its outputs, and so each such job is a rule of its own.
for part, pattern in jobs_of_dynamics(study.simulation).items():
    if study.simulation.batch > 1:

        rule:
            name:
                "simulate_" + "_to_".join(map(str, dict.fromkeys([part[0], part[-1]])))
            input:
                **DYNAMICS,
            output:
                expand("<results>/md/{{length}}/{replica}.h5", replica=part),
            log:
                f"<logs>/simulate/{{length}}/{part[0]}_to_{part[-1]}.log",
            benchmark:
                f"<benchmarks>/simulate/{{length}}/{part[0]}_to_{part[-1]}.tsv"
            wildcard_constraints:
                length=pattern,
            conda:
                "../../envs/densnet.yaml"
            threads: 1
            resources:
                mem_mb=memory(2000, 200 * len(part)),
                runtime=24 * 60,
                gpu=NETWORK_GPUS,
            params:
                simulation=dynamics,
                seed=study.seed,
                replicas=part,
            message:
                "Dynamics of {wildcards.length} monomer(s), replicas {params.replicas} together"
            script:
                "../scripts/simulate.py"
