"""What a study shows: errors on the test frames, figures and tables."""


rule evaluate:
    input:
        dataset=DATASET,
        model=MODEL,
        code=sources("report.evaluation"),
    output:
        "<results>/evaluation.json",
    log:
        "<logs>/evaluate.log",
    benchmark:
        "<benchmarks>/evaluate.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        reference=ON_CPU,
    message:
        "Errors on the test frames"
    script:
        "../scripts/evaluate.py"


rule pack:
    input:
        model=MODEL,
        evaluation=rules.evaluate.output[0],
        code=sources("report.packing"),
    output:
        "<results>/model.pt",
    log:
        "<logs>/pack.log",
    benchmark:
        "<benchmarks>/pack.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    message:
        "The model with its errors on the test frames, in one file"
    script:
        "../scripts/pack.py"


rule ship_model:
    input:
        model=trained_here,
        code=sources("report.models"),
    output:
        touch("<results>/model_shipped.done"),
    log:
        "<logs>/ship_model.log",
    benchmark:
        "<benchmarks>/ship_model.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        folder=str(SETS.parent / "models"),
        settings=study.model_settings(),
        name=study.name,
    message:
        "Putting the model among those that ship, and its errors into their table"
    script:
        "../scripts/ship_model.py"


rule plot_spectra:
    input:
        **spectrum_files(),
        code=sources("report.spectra", "report.vdos"),
    output:
        figure=report(
            "<results>/report/spectra.svg",
            caption="../report/spectra.rst",
            category="Spectra",
            labels={"figure": "Infrared spectra"},
        ),
        image="<results>/report/spectra.png",
        metrics="<results>/report/spectra.json",
        curves="<results>/report/spectra.csv",
        modes="<results>/report/modes.csv",
        table=report(
            "<results>/report/spectra.md",
            caption="../report/likeness.rst",
            category="Spectra",
            labels={"figure": "Likeness of the spectra"},
        ),
        states=report(
            "<results>/report/vdos.svg",
            caption="../report/vdos.rst",
            category="Spectra",
            labels={"figure": "Vibrational densities of states"},
        ),
    log:
        "<logs>/plot_spectra.log",
    benchmark:
        "<benchmarks>/plot_spectra.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        molecule=settings(study.molecule, conformers=1),
    message:
        "Figures and tables of the spectra"
    script:
        "../scripts/plot_spectra.py"


rule plot_training:
    input:
        histories=list(TRAININGS.values()),
        code=sources("report.figures"),
    output:
        figure=report(
            "<results>/report/training.svg",
            caption="../report/training.rst",
            category="Models",
            labels={"figure": "Loss curves"},
        ),
        values="<results>/report/training.csv",
    log:
        "<logs>/plot_training.log",
    benchmark:
        "<benchmarks>/plot_training.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        titles=list(TRAININGS),
    message:
        "Figure of the training"
    script:
        "../scripts/plot_training.py"


rule plot_labels:
    input:
        dataset=DATASET,
        code=sources("report.figures", "report.labels"),
    output:
        basis=report(
            "<results>/report/basis.svg",
            caption="../report/basis.rst",
            category="Reference",
            labels={"figure": "Auxiliary basis"},
        ),
        table=report(
            "<results>/report/labels.md",
            caption="../report/labels.rst",
            category="Reference",
            labels={"figure": "Quality of the labels"},
        ),
        frames="<results>/report/labels.csv",
    log:
        "<logs>/plot_labels.log",
    benchmark:
        "<benchmarks>/plot_labels.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        name=study.molecule.name,
    message:
        "Figure of the auxiliary basis and table of the labels"
    script:
        "../scripts/plot_labels.py"


rule plot_errors:
    input:
        evaluation=rules.evaluate.output[0],
        code=sources("report.figures", "report.tables"),
    output:
        parity=report(
            "<results>/report/parity.svg",
            caption="../report/parity.rst",
            category="Errors",
            labels={"figure": "Prediction against DFT"},
        ),
        lengths=report(
            "<results>/report/lengths.svg",
            caption="../report/lengths.rst",
            category="Errors",
            labels={"figure": "Errors against chain length"},
        ),
        table=report(
            "<results>/report/errors.md",
            caption="../report/errors.rst",
            category="Errors",
            labels={"figure": "Table of errors"},
        ),
        values="<results>/report/errors.csv",
    log:
        "<logs>/plot_errors.log",
    benchmark:
        "<benchmarks>/plot_errors.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        name=study.molecule.name,
    message:
        "Figures and table of errors"
    script:
        "../scripts/plot_errors.py"


rule plot_density:
    input:
        dataset=DATASET,
        model=MODEL,
        code=sources("report.density"),
    output:
        report(
            "<results>/report/density.svg",
            caption="../report/density.rst",
            category="Errors",
            labels={"figure": "Density difference of a test frame"},
        ),
    log:
        "<logs>/plot_density.log",
    benchmark:
        "<benchmarks>/plot_density.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        name=study.molecule.name,
    message:
        "Figure of a density difference"
    script:
        "../scripts/plot_density.py"
