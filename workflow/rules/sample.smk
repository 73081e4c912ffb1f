"""Geometries: trajectories at the reference level or with xTB, and the frames picked from them."""


rule sample:
    input:
        code=sources("reference.sampling"),
    output:
        "<results>/sample/{campaign}/{length}/{replica}.traj",
    log:
        "<logs>/sample/{campaign}/{length}/{replica}.log",
    benchmark:
        "<benchmarks>/sample/{campaign}/{length}/{replica}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        **EFFORT,
        mem_mb=memory(2000, 500),
        runtime=24 * 60,
        gpu=sampling_gpus,
    params:
        molecule=study.molecule.model_dump(),
        campaign=lambda wildcards: campaign_of(wildcards.campaign, wildcards.length),
        reference=sampling_level,
        seed=study.seed,
    message:
        "Sampling {wildcards.campaign}: {wildcards.length} monomer(s), replica {wildcards.replica}"
    script:
        "../scripts/sample.py"


rule select_frames:
    input:
        trajectories=samples,
        code=sources("reference.selection"),
    output:
        "<results>/frames/{length}.extxyz",
    log:
        "<logs>/select_frames/{length}.log",
    benchmark:
        "<benchmarks>/select_frames/{length}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        counts=lambda wildcards: study.frames.of(int(wildcards.length)),
        selection=study.selection.model_dump(),
        conformers=study.molecule.conformers,
        polar=lambda wildcards: study.labels.polar_tensors.get(int(wildcards.length), 0),
        seed=study.seed,
    message:
        "Selecting frames of {wildcards.length} monomer(s)"
    script:
        "../scripts/select_frames.py"
