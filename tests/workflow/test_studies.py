"""Every study is valid and has a DAG; the files that restate the typed study say the same as it does."""

import json
import re
import subprocess
import sys
import tomllib
from math import ceil
from pathlib import Path

import pytest
import yaml

from densnet.config import Section, Study, load_study, schema

ROOT = Path(__file__).parents[2]
STUDIES = {path.stem: path for path in (ROOT / "workflow" / "studies").glob("*.yaml")}


def settings(section, prefix=""):
    """Yield the dotted names of the settings of a section and of those below it."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_studies_are_all_there():
    molecules = {"ethanethiol", "ethanol", "polythiophene", "polythiophene-joint", "resorcinol"}
    assert set(STUDIES) == {*molecules, "paper", "tiny"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.yaml", *sorted(STUDIES)])
def test_study_has_a_dag(house, name):
    study = load_study(STUDIES.get(name, ROOT / "config.yaml"))
    jobs = house.planned(name)
    sampled = sum(campaign.replicas * len(campaign.lengths) for campaign in study.sampling.values())
    assert jobs["sample"] == sampled
    dynamics = sum(count for rule, count in jobs.items() if rule.startswith("simulate"))
    replicas = [study.simulation.replicas_of(length) for length in study.simulation.lengths]
    assert dynamics == sum(ceil(count / study.simulation.batch) for count in replicas)
    capacity = {n: study.labels.frames_per_job(n) for n in study.frames.lengths()}
    assert jobs["label"] == sum(ceil(sum(study.frames.of(n).values()) / size) for n, size in capacity.items())


@pytest.mark.slow
def test_variants_are_a_target_of_their_own(house):
    jobs, ordinary = house.planned("ethanol", "variants"), house.planned("ethanol")
    assert not any("variant" in rule for rule in ordinary)
    count = len(load_study(STUDIES["ethanol"]).variants)
    assert jobs["evaluate_variant"] == jobs["train_energy_variant"] == jobs["train_density_variant"] == count
    assert jobs["train_density"] == jobs["train_energy"] == jobs["gather"] == jobs["compare_variants"] == 1
    assert not jobs.keys() & {"simulate", "plot_errors"}
    assert "study 'tiny' has no variants" in house.run("variants", "--dry-run").stdout


def test_variants_share_what_is_trained_alike(house):
    jobs, variants = house.planned("ethanethiol", "variants"), load_study(STUDIES["ethanethiol"]).variants
    assert jobs["evaluate_variant"] == len(variants)
    together = {"joint", "joint-no-density"}  # go on from the energies of `brief` and of `no-density`
    assert jobs["train_energy_variant"] == len(variants) - len(together)
    assert jobs["train_joint_variant"] == len(together)
    others = {"no-density", "grid", "flexible", *together}  # of whose densities the coefficients are those of `brief`
    assert jobs["train_density_variant"] == len(variants) - len(others)
    assert (jobs["refit"], jobs["train_grid_variant"]) == (2, 2)


def test_default_study_shows_every_setting():
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    for name in settings(Study):
        section = values
        if name in ("sampling", "frames"):
            continue
        for part in name.split("."):
            assert part in section, f"config.yaml does not show {name}"
            section = section[part]


def test_default_study_shows_every_setting_of_a_campaign():
    campaigns = yaml.safe_load((ROOT / "config.yaml").read_text())["sampling"]
    shown = set().union(*campaigns.values())
    assert shown == set(Study.model_fields["sampling"].annotation.__args__[1].model_fields)


def test_schema_has_not_drifted():
    written = json.loads((ROOT / "config.schema.json").read_text())
    assert written == json.loads(json.dumps(schema())), "run `make schema`"


def test_schema_command_writes_the_schema():
    command = [sys.executable, "-m", "densnet.cli", "schema"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == (ROOT / "config.schema.json").read_text()


def test_pip_and_conda_pin_the_same_versions():
    lines = (ROOT / "envs" / "constraints.txt").read_text().split()
    pins = {normal(name): version for name, version in (line.split("==") for line in lines)}
    conda = yaml.safe_load((ROOT / "envs" / "densnet.yaml").read_text())["dependencies"][-1]["pip"]
    pinned = {normal(name): version for name, version in (line.split("==") for line in conda)}
    assert pinned == {name: pins[name] for name in pinned}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(pinned) == {normal(requirement.partition(">")[0]) for requirement in project["dependencies"]}


def normal(name):
    return name.lower().replace("_", "-")


def test_readme_shows_the_rulegraph(house):
    graph = house.run("--rulegraph", "mermaid-js", study="config.yaml").stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", graph))
    drawn = {(names[a], names[b]) for a, b in re.findall(r"(id\d+) --> (id\d+)", graph) if names[b] != "all"}
    shown = re.search(r"```mermaid\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    assert set(re.findall(r"(\w+) --> (\w+)", shown)) == drawn
