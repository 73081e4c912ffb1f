"""Free atoms, and the auxiliary basis of the density difference."""


rule atoms:
    input:
        code=sources("reference.atoms", "systems"),
    output:
        "<results>/atoms.json",
    log:
        "<logs>/atoms.log",
    benchmark:
        "<benchmarks>/atoms.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        molecule=study.molecule.model_dump(),
        reference={**ON_CPU, "grid_level": 0, "conv_tol": 1.0, "dispersion": None},
        prior=study.basis.prior,
    message:
        "Free atoms"
    script:
        "../scripts/atoms.py"


rule basis:
    input:
        labels=basis_labels(),
        file=basis_file(study),
        code=sources("reference.natural"),
    output:
        basis="<results>/basis.json",
        floor="<results>/basis_floor.json",
    log:
        "<logs>/basis.log",
    benchmark:
        "<benchmarks>/basis.tsv"
    conda:
        "../../envs/densnet.yaml"
    threads: 1
    resources:
        mem_mb=4000 + 1000 * study.basis.max_length,
        runtime=240,
    params:
        basis=study.basis.model_dump(),
        reference=ON_CPU,
    message:
        "Auxiliary basis: {params.basis[kind]}"
    script:
        "../scripts/basis.py"
