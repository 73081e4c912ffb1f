"""Which study is meant, how it is scattered, which files a rule depends on, how a job ends."""

import logging
import os
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from ase.build import molecule as build

from densnet.config import Reference, merge
from densnet.errors import ConfigError, DataError
from densnet.reference.method import molecule
from densnet.workflow import chunks, gpus, job, jobs_of_dynamics, network_gpus, read_study, sources

ROOT = Path(__file__).parents[1]


def files(*modules):
    return {path.partition("src/densnet/")[2] for path in sources(*modules)}


def test_study_by_name_by_path_and_with_settings_put_over(tmp_path):
    assert read_study({}, ROOT).name == read_study({"study": "config.yaml"}, ROOT).name
    copy = tmp_path / "mine.yaml"
    copy.write_text((ROOT / "workflow" / "studies" / "tiny.yaml").read_text())
    assert read_study({"study": "tiny"}, ROOT) == read_study({"study": str(copy)}, ROOT)
    changed = read_study({"study": "tiny", "seed": 7, "labels": {"chunk": 2}}, ROOT)
    assert (changed.seed, changed.labels.chunk) == (7, 2)
    assert changed.labels.max_floor == read_study({"study": "tiny"}, ROOT).labels.max_floor


def test_unknown_study_names_those_there_are():
    with pytest.raises(ConfigError, match=r"study=ethanl: .*ethanol"):
        read_study({"study": "ethanl"}, ROOT)


@pytest.mark.parametrize(("chunk", "jobs"), [(1, 9), (2, 5), (3, 3), (9, 1), (10, 1)])
def test_chunks_cover_the_frames(chunk, jobs):
    frames = {"train": {1: 5}, "validation": {1: 2}, "test": {1: 2}}
    study = read_study({"study": "tiny", "frames": frames, "labels": {"chunk": chunk}}, ROOT)
    assert sum(study.frames.of(1).values()) == 9
    assert list(chunks(study, 1)) == list(range(jobs))


def test_dynamics_is_shared_out_by_length():
    settings = {"lengths": [1, 2, 12], "replicas": {1: 5, 2: 3, 12: 3}, "batch": 2}
    jobs = jobs_of_dynamics(read_study({"study": "tiny", "simulation": settings}, ROOT).simulation)

    def parts(length):
        return [part for part, pattern in jobs.items() if re.fullmatch(rf"md/({pattern})/0.h5", f"md/{length}/0.h5")]

    assert parts(1) == [(0, 1), (2, 3), (4,)]
    assert parts(2) == parts(12) == [(0, 1), (2,)]
    assert parts(9) == parts(21) == [(0, 1), (2,)]  # asked for by name, `snakemake results/tiny/spectra/9.json`


def test_sources_follow_imports_also_inside_functions():
    assert {"systems.py", "reference/xtb.py"} <= files("systems")
    assert "models/graph.py" in files("training.energy")


def test_sources_pass_by_what_a_package_offers_beside_the_module():
    assert "training/trainer.py" in files("training.density")
    assert "training/energy.py" not in files("training.density")


def test_sources_keep_the_rooms_apart():
    assert not any(path.startswith("reference/") for path in files("training.energy"))
    assert not any(path.startswith(("models/", "training/")) for path in files("reference.labels"))
    assert not any(path.startswith("config/") for path in files("reference.labels"))


def test_sources_of_a_module_that_does_not_exist():
    with pytest.raises(FileNotFoundError, match="no_such_room"):
        sources("no_such_room")


def test_gpus():
    assert (gpus("gpu"), gpus("cpu")) == (1, 0)


def test_a_gpu_counts_where_pytorch_sees_it(tmp_path, monkeypatch):
    monkeypatch.setattr("densnet.workflow.GPU", tmp_path)
    seen = []
    for there in (True, False):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        seen.append([network_gpus(device) for device in ("auto", "gpu", "cpu")])
    assert seen == [[1, 1, 0], [0, 1, 0]]


@pytest.fixture
def rule(tmp_path, monkeypatch):
    monkeypatch.setenv("PYSCF_MAX_MEMORY", "1234")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    resources = SimpleNamespace(mem_mb=9000)
    yield SimpleNamespace(log=[str(tmp_path / "job.log")], rule="label", resources=resources, threads=1)
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_job_turns_a_users_error_into_one_line(rule, capsys):
    with pytest.raises(SystemExit) as ended, job(rule):
        raise DataError("frame 3: broken; delete it")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "densnet label: frame 3: broken; delete it\n"
    log = Path(rule.log[0]).read_text()
    assert "frame 3: broken" in log
    assert "Traceback" not in log


def test_job_keeps_the_traceback_of_a_bug(rule):
    with pytest.raises(ZeroDivisionError), job(rule):
        _ = 1 / 0
    assert "Traceback" in Path(rule.log[0]).read_text()


def test_job_logs_to_the_file_of_the_rule(rule):
    with job(rule):
        logging.getLogger("densnet.anywhere").info("as it goes")
    assert "as it goes" in Path(rule.log[0]).read_text()


def test_quantum_chemistry_gets_the_memory_of_the_rule_unless_the_user_says_otherwise(rule, monkeypatch):
    with job(rule):
        assert molecule(build("H2O"), Reference()).max_memory == 1234
    monkeypatch.delenv("PYSCF_MAX_MEMORY")
    with job(rule):
        assert molecule(build("H2O"), Reference()).max_memory == 3600


def test_the_processes_of_a_rule_share_its_memory_and_that_of_the_machine(rule, monkeypatch):
    found = []
    for threads, installed in ((1, 10**6), (2, 10**6), (2, 5000)):
        monkeypatch.setattr("densnet.workflow._installed_memory", lambda installed=installed: installed)
        monkeypatch.delenv("PYSCF_MAX_MEMORY")
        rule.threads = threads
        with job(rule):
            found.append(os.environ["PYSCF_MAX_MEMORY"])
    assert found == ["3600", "1800", "1000"]


def test_merge_goes_into_sections():
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}) == {"a": {"b": 1, "c": 3}}
