"""One thread everywhere: results do not depend on the machine, and tests run side by side. And the tiny study, run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "envs", "profiles", "src", "workflow")


@dataclass(frozen=True)
class House:
    """A copy of the project in which a test may run, change and break things."""

    root: Path

    @classmethod
    def copy(cls, source: Path, root: Path, parts: tuple[str, ...] = PARTS) -> House:
        root.mkdir(parents=True, exist_ok=True)
        for part in parts:
            if (source / part).is_dir():
                shutil.copytree(source / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy2(source / part, root / part)
        return cls(root)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands: the package is that of the copy."""
        return {**os.environ, "PYTHONPATH": str(self.root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def run(self, *arguments: str, study: str = "tiny") -> subprocess.CompletedProcess[str]:
        """Run Snakemake; standard error is merged into ``stdout``."""
        return subprocess.run(
            self.command(*arguments, "--config", f"study={study}"),
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )

    def planned(self, study: str = "tiny", target: str = "all") -> dict[str, int]:
        """Return the jobs that a run would start, by rule."""
        result = self.run(target, "--dry-run", study=study)
        assert result.returncode == 0, result.stdout
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", result.stdout, re.MULTILINE | re.DOTALL)
        rows = [row.split() for row in table[1].splitlines()] if table else []
        return {rule: int(count) for rule, count in rows if rule != target}


def pytest_collection_modifyitems(items):
    """Begin with what takes longest: tests that need the tiny study."""
    items.sort(key=lambda item: {"finished", "lived_in"}.isdisjoint(getattr(item, "fixturenames", ())))


@pytest.fixture
def house(tmp_path) -> House:
    """An empty house: nothing has been run in it."""
    return House.copy(ROOT, tmp_path / "house")


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> House:
    """The house after the tiny study, which is run once for all workers. Look, do not touch."""
    folder = tmp_path_factory.getbasetemp()
    root = (folder if worker_id == "master" else folder.parent) / "finished"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            result = House.copy(ROOT, root).run()
            (root / "output.txt").write_text(f"{result.returncode}\n{result.stdout}")
    code, _, output = (root / "output.txt").read_text().partition("\n")
    assert code == "0", output
    return House(root)


@pytest.fixture
def lived_in(finished, tmp_path) -> House:
    """A house of one's own in which the tiny study has been run."""
    return House.copy(finished.root, tmp_path / "house", (*PARTS, "results", ".snakemake"))
