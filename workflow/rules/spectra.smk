"""Infrared spectra: from trajectories, and harmonic ones of the model and of DFT."""


rule infrared:
    input:
        trajectories=lambda wildcards: trajectories([wildcards.length]),
        code=sources("spectra.trajectories"),
    output:
        "<results>/spectra/{length}.json",
    log:
        "<logs>/infrared/{length}.log",
    benchmark:
        "<benchmarks>/infrared/{length}.tsv"
    wildcard_constraints:
        length=rf"(?!({'|'.join(Path(path).stem for path in SHIPPED_SPECTRA) or 'none'})\.json)\d+",  # of any length
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        spectra=settings(study.spectra, reference=None, source="auto"),
    message:
        "Infrared spectrum of {wildcards.length} monomer(s)"
    script:
        "../scripts/infrared.py"


rule infrared_aimd:
    input:
        trajectories=lambda wildcards: sampled(study.spectra.reference, wildcards.length),
        code=sources("spectra.aimd"),
    output:
        "<results>/spectra/aimd_{length}.json",
    log:
        "<logs>/infrared_aimd/{length}.log",
    benchmark:
        "<benchmarks>/infrared_aimd/{length}.tsv"
    wildcard_constraints:
        length=not_shipped("spectra/aimd_{}.json", reference_lengths()),
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        spectra=settings(study.spectra, reference=None, source="auto"),
        campaign=lambda wildcards: campaign_of(study.spectra.reference, wildcards.length),
    message:
        "Infrared spectrum of {wildcards.length} monomer(s), AIMD"
    script:
        "../scripts/infrared_aimd.py"


rule twins:
    input:
        reference="<results>/spectra/aimd_{length}.json",
        model=DYNAMICS["model"],
        code=sources("spectra.twins"),
    output:
        spectrum="<results>/spectra/twins_{length}.json",
        trajectories=[
            f"<results>/md/twins_{{length}}/{replica}.h5" for replica in range(REFERENCE.replicas if REFERENCE else 0)
        ],
    log:
        "<logs>/twins/{length}.log",
    benchmark:
        "<benchmarks>/twins/{length}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 1000),
        runtime=24 * 60,
        gpu=NETWORK_GPUS,
    params:
        spectra=settings(study.spectra, reference=None, source="auto"),
        campaign=lambda wildcards: campaign_of(study.spectra.reference, wildcards.length),
    message:
        "Dynamics of {wildcards.length} monomer(s) from where AIMD starts, and its spectrum"
    script:
        "../scripts/twins.py"


rule harmonic_model:
    input:
        start=rules.start.output[0],
        model=MODEL,
        code=sources("dynamics.vibrations"),
    output:
        "<results>/harmonic/model_{length}.json",
    log:
        "<logs>/harmonic_model/{length}.log",
    benchmark:
        "<benchmarks>/harmonic_model/{length}.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 500),
        runtime=240,
        gpu=NETWORK_GPUS,
    message:
        "Harmonic spectrum of {wildcards.length} monomer(s), model"
    script:
        "../scripts/harmonic_model.py"


rule minimum:
    input:
        start=rules.start.output[0],
        model=model_minimum,
        code=sources("reference.harmonic"),
    output:
        "<results>/harmonic/minimum_{length}.traj",
    log:
        "<logs>/minimum/{length}.log",
    benchmark:
        "<benchmarks>/minimum/{length}.tsv"
    priority: -5  # nothing waits for it before the model is trained, which takes one core
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        **EFFORT,
        mem_mb=memory(4000, 1500),
        runtime=24 * 60,
        gpu=GPUS,
    params:
        reference=study.reference.level(),
    message:
        "DFT minimum of {wildcards.length} monomer(s)"
    script:
        "../scripts/minimum.py"


rule harmonic_full:
    input:
        minimum=rules.minimum.output[0],
        code=sources("reference.harmonic"),
    output:
        "<results>/harmonic/dft_{length}.json",
    log:
        "<logs>/harmonic_full/{length}.log",
    benchmark:
        "<benchmarks>/harmonic_full/{length}.tsv"
    wildcard_constraints:
        length=not_shipped("harmonic/dft_{}.json", study.harmonic.full),
    priority: -10  # nothing waits for it
    conda:
        "../../envs/densnet.yaml"
    threads: PROCESSES
    resources:
        **EFFORT,
        mem_mb=memory(4000, 4000),
        runtime=24 * 60,
        gpu=GPUS,
    params:
        reference=study.reference.level(),
        harmonic=settings(study.harmonic, full=[], tracked=[], captured=1.0, max_modes=1, processes=1),
    message:
        "Harmonic spectrum of {wildcards.length} monomer(s), DFT"
    script:
        "../scripts/harmonic_full.py"


rule harmonic_tracked:
    input:
        minimum=rules.minimum.output[0],
        model=MODEL,
        code=sources("reference.harmonic", "dynamics.vibrations"),
    output:
        "<results>/harmonic/dft_{length}.json",
    log:
        "<logs>/harmonic_tracked/{length}.log",
    benchmark:
        "<benchmarks>/harmonic_tracked/{length}.tsv"
    wildcard_constraints:
        length=not_shipped("harmonic/dft_{}.json", TRACKED),
    priority: 5  # the longest way from the model to the report
    conda:
        "../../envs/densnet.yaml"
    threads: PROCESSES
    resources:
        **EFFORT,
        mem_mb=memory(4000, 1500),
        runtime=48 * 60,
        gpu=GPUS,
    params:
        reference=study.reference.level(),
        harmonic=settings(study.harmonic, full=[], tracked=[], hessian="differences", processes=1),
    message:
        "Harmonic spectrum of {wildcards.length} monomer(s), DFT in the space of the model's active modes"
    script:
        "../scripts/harmonic_tracked.py"


rule shipped_tracked:
    input:
        model=MODEL,
        code=sources("dynamics.calculator", "spectra.shipped", "spectra.tracked"),
    output:
        "<results>/harmonic/dft_{length}.json",
    log:
        "<logs>/shipped_tracked/{length}.log",
    benchmark:
        "<benchmarks>/shipped_tracked/{length}.tsv"
    wildcard_constraints:
        length=one_of(length for length in TRACKED if f"harmonic/dft_{length}.json" in SHIPPED_SPECTRA),
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000, 500),
        runtime=60,
    params:
        path=lambda wildcards: str(SHIPPED_SPECTRA[f"harmonic/dft_{wildcards.length}.json"]),
        sha256=lambda wildcards: sha256_of_shipped(f"harmonic/dft_{wildcards.length}.json"),
    message:
        "Taking the shipped spectrum {params.path}, beside the model"
    script:
        "../scripts/shipped_tracked.py"


rule shipped_spectrum:
    input:
        code=sources("spectra.shipped"),
    output:
        "<results>/{spectrum}",
    log:
        "<logs>/shipped/{spectrum}.log",
    benchmark:
        "<benchmarks>/shipped/{spectrum}.tsv"
    wildcard_constraints:
        spectrum=one_of(SHIPPED_SPECTRA.keys() - {f"harmonic/dft_{length}.json" for length in TRACKED}),
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        path=lambda wildcards: str(SHIPPED_SPECTRA[wildcards.spectrum]),
        sha256=lambda wildcards: sha256_of_shipped(wildcards.spectrum),
    message:
        "Taking the shipped spectrum {params.path}"
    script:
        "../scripts/shipped_spectrum.py"


SPECTRA_TO_SHIP = {  # those that were taken ship already; tracked ones have been held against the study's model since
    path: own for path, own in shipped_spectra.settings(study, SHA256).items() if path not in SHIPPED_SPECTRA
}


rule ship_spectra:
    input:
        [f"<results>/{path}" for path in SPECTRA_TO_SHIP],
        code=sources("report.reference_spectra"),
    output:
        touch("<results>/spectra_shipped.done"),
    log:
        "<logs>/ship_spectra.log",
    benchmark:
        "<benchmarks>/ship_spectra.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        name=study.name,
        wanted=SPECTRA_TO_SHIP,
        folder=str(SETS / "spectra"),
    message:
        "Putting the spectra among those that ship"
    script:
        "../scripts/ship_spectra.py"
