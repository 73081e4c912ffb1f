"""The two networks: the density of a geometry, then the energy of a geometry and its density; more where asked for."""


rule train_density:
    input:
        dataset=DATASET,
        code=sources("training.density", "models.density"),
    output:
        model="<results>/density/density.pt",
        history="<results>/density/history.csv",
    log:
        "<logs>/train_density.log",
    benchmark:
        "<benchmarks>/train_density.tsv"
    priority: 10
    conda:
        "../../envs/densnet.yaml"
    threads: processes_of("density_training")
    resources:
        mem_mb=lambda wildcards, threads: 8000 * threads,
        runtime=24 * 60,
        gpu=lambda wildcards, threads: NETWORK_GPUS * threads,
    params:
        network=study.density_network.model_dump(),
        training=study.density_training.model_dump(),
        seed=study.seed,
    message:
        "Training the density network: {params.training[steps]} steps"
    script:
        "../scripts/train_density.py"


rule train_grid:
    input:
        dataset=DATASET,
        density=rules.train_density.output.model,
        code=sources("training.grid"),
    output:
        model="<results>/grid/density.pt",
        history="<results>/grid/history.csv",
    log:
        "<logs>/train_grid.log",
    benchmark:
        "<benchmarks>/train_grid.tsv"
    priority: 10
    conda:
        "../../envs/densnet.yaml"
    threads: processes_of("grid_training")
    resources:
        mem_mb=lambda wildcards, threads: 8000 * threads,
        runtime=24 * 60,
        gpu=lambda wildcards, threads: NETWORK_GPUS * threads,
    params:
        reference=ON_CPU,
        training=study.grid_training.model_dump(),
        seed=study.seed,
    message:
        "Training the density network on, on the grid: {params.training[steps]} steps"
    script:
        "../scripts/train_grid.py"


TRAININGS = {"density network": rules.train_density.output.history}
DENSITY = rules.train_density.output.model
if study.grid_training.steps:
    TRAININGS["density network on the grid"] = rules.train_grid.output.history
    DENSITY = rules.train_grid.output.model


rule train_energy:
    input:
        dataset=DATASET,
        density=DENSITY,
        code=sources("training.energy", "models.energy"),
    output:
        model="<results>/energy/model.pt",
        history="<results>/energy/history.csv",
    log:
        "<logs>/train_energy.log",
    benchmark:
        "<benchmarks>/train_energy.tsv"
    priority: 10
    conda:
        "../../envs/densnet.yaml"
    threads: processes_of("energy_training")
    resources:
        mem_mb=lambda wildcards, threads: 8000 * threads,
        runtime=48 * 60,
        gpu=lambda wildcards, threads: NETWORK_GPUS * threads,
    params:
        network=study.energy_network.model_dump(),
        training=study.energy_training.model_dump(),
        seed=study.seed,
    message:
        "Training the energy network: {params.training[steps]} steps"
    script:
        "../scripts/train_energy.py"


rule train_joint:
    input:
        dataset=DATASET,
        model=rules.train_energy.output.model,
        code=sources("training.joint"),
    output:
        model="<results>/joint/model.pt",
        history="<results>/joint/history.csv",
    log:
        "<logs>/train_joint.log",
    benchmark:
        "<benchmarks>/train_joint.tsv"
    priority: 10
    conda:
        "../../envs/densnet.yaml"
    threads: processes_of("joint_training")
    resources:
        mem_mb=lambda wildcards, threads: 8000 * threads,
        runtime=48 * 60,
        gpu=lambda wildcards, threads: NETWORK_GPUS * threads,
    params:
        training=study.joint_training.model_dump(),
        seed=study.seed,
    message:
        "Training both networks on: {params.training[steps]} steps"
    script:
        "../scripts/train_joint.py"


TRAININGS["energy network"] = rules.train_energy.output.history
MODEL = rules.train_energy.output.model
if study.joint_training.steps:
    TRAININGS["both networks"] = rules.train_joint.output.history
    MODEL = rules.train_joint.output.model

if SHIPPED_MODEL:

    rule shipped_model:
        output:
            "<results>/shipped/model.pt",
        log:
            "<logs>/shipped_model.log",
        benchmark:
            "<benchmarks>/shipped_model.tsv"
        conda:
            "../../envs/densnet.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime=30,
        params:
            path=str(SHIPPED_MODEL),
            sha256=SHA256,
        message:
            "Taking the shipped model {params.path}"
        script:
            "../scripts/shipped_model.py"

    MODEL = rules.shipped_model.output[0]
