"""What the Snakemake workflow needs to know about studies, files and code, kept apart from its rules."""

from __future__ import annotations

import ast
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import densnet
from densnet.config import EFFORT, Reference, Simulation, Study, load_study
from densnet.errors import ConfigError, DensnetError

if TYPE_CHECKING:
    from densnet.training import Task

PACKAGE = Path(densnet.__file__).parent
GPU = Path("/dev/nvidia0")
UNTRACKED = frozenset(
    {
        "densnet",
        "densnet.complaints",
        "densnet.config",
        "densnet.errors",
        "densnet.files",
        "densnet.provenance",
        "densnet.workflow",
    }
)
"""Modules that cannot change a number, packages whole: settings reach the rules as parameters, by value."""


class Job(Protocol):
    """The part of the object ``snakemake`` that is used here."""

    input: Any
    output: Any
    log: list[str]
    rule: str
    params: Any
    resources: Any
    threads: int


def study_file(name: str, root: Path) -> Path:
    """Return the file of a study, given by its path or by its name in ``workflow/studies``.

    Raises
    ------
    ConfigError
        Where there is no such study; the message lists those there are.
    """
    shipped = root / "workflow" / "studies" / f"{name}.yaml"
    for path in (shipped, Path(name), root / name):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in shipped.parent.glob("*.yaml")))
    raise ConfigError(f"study={name}: neither a file nor a study of this project. Name one of: {names}")


def read_study(config: Mapping[str, Any], root: Path) -> Study:
    """Return the study that ``snakemake --config`` asks for.

    Parameters
    ----------
    config
        Snakemake's configuration: ``study`` (default ``config.yaml``), and settings put over those of its file.
    root
        Folder of the Snakefile.
    """
    overlay = dict(config)
    path = study_file(str(overlay.pop("study", "config.yaml")), root)
    return load_study(path, overlay)


def check_chemistry(study: Study) -> list[str]:
    """Return the elements of the study's molecule.

    Raises
    ------
    ConfigError
        A molecule that cannot be built, or a functional or basis that does not exist for it.
    """
    from densnet.reference.auxiliary import check_basis
    from densnet.systems import elements

    symbols = elements(study.molecule)
    for one in (study, *map(study.variant, study.variants)):
        check_basis(one.reference, one.basis, symbols)
    return symbols


def chunks(study: Study, length: int) -> range:
    """Return the numbers of the labelling jobs of one chain length."""
    return range(ceil(sum(study.frames.of(length).values()) / study.labels.frames_per_job(length)))


def jobs_of_dynamics(simulation: Simulation) -> dict[tuple[int, ...], str]:
    """Return the chain lengths of every set of replicas that run together, as the pattern of a wildcard.

    Lengths that the study does not name are among them: their files may be asked for by name.
    """
    named = sorted({*simulation.lengths, *(simulation.replicas if isinstance(simulation.replicas, dict) else ())})
    patterns = {length: str(length) for length in named}
    patterns[0] = rf"(?!(?:{'|'.join(map(str, named))})\b)\d+"  # any other length
    jobs: dict[tuple[int, ...], list[str]] = {}
    for length, pattern in patterns.items():
        for replicas in simulation.jobs_of(length):
            jobs.setdefault(replicas, []).append(pattern)
    return {replicas: "|".join(found) for replicas, found in jobs.items()}


def effort(level: Reference) -> dict[str, str | int]:
    """Return the settings of a level of theory that change no result, as resources of a rule."""
    return {"device": level.device, "max_cycle": level.max_cycle, "shortcuts": " ".join(level.shortcuts)}


def reference(snakemake: Job) -> Reference:
    """Return the level of theory of a rule, from its parameters and from the `effort` among its resources."""
    found = {name: getattr(snakemake.resources, name) for name in EFFORT}
    return Reference(**snakemake.params.reference, **found | {"shortcuts": found["shortcuts"].split()})


def by_length(files: Iterable[str]) -> dict[int, list[Path]]:
    """Return files of folders named after their chain length, by that length."""
    found: dict[int, list[Path]] = {}
    for path in map(Path, files):
        found.setdefault(int(path.parent.name), []).append(path)
    return found


def gpus(device: str) -> int:
    """Return how many GPUs a job of the study asks for: one where the study may use one and the machine has one.

    The GPUs of a cluster are not seen from its login node: there, say ``device: gpu`` and ``reference.device: gpu``.
    """
    return int(device == "gpu" or (device == "auto" and GPU.exists()))


def network_gpus(device: str) -> int:
    """Return how many GPUs a job with networks asks for; one that PyTorch does not see does not count."""
    if device != "auto" or not gpus(device):
        return gpus(device)
    import torch

    return int(torch.cuda.is_available())


def sources(*modules: str) -> list[str]:
    """Return the files of modules and of all they import from this package, relative to the working directory.

    Rules take them as inputs: Snakemake compares inputs by content, so editing a module runs the rules again that use
    it, and only those.
    """
    found: set[str] = set()
    pending = [f"densnet.{name}" for name in modules]
    while pending:
        module = pending.pop()
        if module not in found and not _untracked(module):
            found.add(module)
            pending.extend(_imports(module))
    return sorted(os.path.relpath(_file(module)) for module in found)


def _untracked(module: str) -> bool:
    return module in UNTRACKED or module.rpartition(".")[0] in UNTRACKED - {"densnet"}


def _file(module: str) -> Path:
    stem = PACKAGE.parent.joinpath(*module.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of this package that a module takes something from, inside functions too.

    A package counts only where a name is taken from the package itself: most of what it offers does not concern those
    who use one of its modules.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(_file(module).read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = (f"{node.module}.{alias.name}" for alias in node.names)
            names.update(name if _file(name).is_file() else node.module for name in within)
    return frozenset(name for name in names if name.startswith("densnet."))


def task(snakemake: Job, name: str) -> Task:
    """Return the training of a rule; its seed carries the name of the rule, for variants of the study too."""
    from densnet.seeds import seed
    from densnet.training import Task

    given, made, device = snakemake.input, snakemake.output, device_of(snakemake)
    number, train_frames = seed(snakemake.params.seed, name), snakemake.params.get("train_frames")
    return Task(Path(given.dataset), number, Path(made.model), Path(made.history), device, train_frames)


def device_of(snakemake: Job) -> str:
    """Return where the networks of a job run, as PyTorch names it: on a GPU where the job has asked for one."""
    from densnet.models.devices import torch_device

    return torch_device("gpu" if snakemake.resources.get("gpu", 0) else "cpu")


def _installed_memory() -> int:
    """Return the memory of the machine in MB; on one machine, Snakemake does not hold jobs to what they ask for."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 10**6


@contextmanager
def job(snakemake: Job) -> Iterator[None]:
    """Log to the file of the running rule, and end on a user's error with one line instead of a traceback.

    Quantum chemistry keeps what fits into the memory of the rule, and of the machine: in each process of the rule,
    orbital values and integrals take two fifths each.
    """
    memory = min(snakemake.resources.mem_mb, _installed_memory()) * 2 // (5 * snakemake.threads)
    os.environ.setdefault("PYSCF_MAX_MEMORY", str(memory))
    logging.basicConfig(
        filename=snakemake.log[0],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.captureWarnings(True)
    logger = logging.getLogger(f"densnet.{snakemake.rule}")
    try:
        yield
    except DensnetError as error:
        logger.error("%s", error)
        sys.stderr.write(f"densnet {snakemake.rule}: {error}\n")
        raise SystemExit(1) from None
    except Exception:
        logger.exception("unexpected error")
        raise
