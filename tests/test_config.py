"""A wrong study says everything that is wrong with it, at once."""

import copy
from typing import get_args

import pytest
from pydantic import ValidationError

from densnet.config import EnergyTraining, Section, Study, check_study, load_study, merge
from densnet.errors import ConfigError

SPECTRUM = {"lengths": [2], "ensemble": "nve", "timestep": 0.5, "stride": 4, "steps": 8100}
STUDY = {
    "name": "toy",
    "molecule": {"name": "thiophene", "smiles": "[*:1]c1ccc(s1)[*:2]"},
    "sampling": {"aimd": {"lengths": [1, 2]}},
    "frames": {"train": {1: 4}, "validation": {1: 2}, "test": {1: 2, 2: 2}},
    "simulation": {"lengths": [2]},
}


def changed(**sections):
    return merge(copy.deepcopy(STUDY), sections)


def test_every_wrong_key_is_named_with_a_suggestion():
    wrong = changed(refrence={}, simulation={"temperature": -5}, sampling={"aimd": {"stpes": 3}})
    with pytest.raises(ConfigError) as caught:
        check_study(wrong, "mine.yaml")
    message = str(caught.value)
    assert "mine.yaml: 3 wrong setting(s)" in message
    assert "refrence: unknown key; did you mean 'reference'?" in message
    assert "sampling.aimd.stpes: unknown key; did you mean 'steps'?" in message
    assert "simulation.temperature: Input should be greater than 0 (given: -5)" in message


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"frames": {"train": {}}}, "frames.train"),
        ({"simulation": {"lengths": []}}, "simulation.lengths"),
        ({"frames": {"test": {3: 1}}}, r"chain lengths \[3\] are in no sampling campaign"),
        ({"frames": {"validation": {2: 1}}}, r"chain lengths \[2\] are not trained on"),
        ({"labels": {"polar_tensors": {1: 99}}}, r"labels\.polar_tensors: more than frames\.train has .* \[1\]"),
        ({"molecule": {"smiles": "CCO"}}, "no attachment points"),
        ({"harmonic": {"full": [1]}}, r"chain lengths \[1\] are not in simulation.lengths"),
        ({"molecule": {"name": "thiofene", "smiles": ""}}, "molecule.name: 'thiofene'.*did you mean thiophene"),
        ({"spectra": {"range": [3500, 400]}}, "spectra.range: 3500 is not below 400"),
        ({"simulation": {"stride": 0.75}}, "simulation.stride: 0.75 fs is not a multiple of .* 0.5 fs"),
        (
            {"simulation": {"stride": 5.0}, "spectra": {"range": [400, 2000]}},
            "simulation.stride: frames 5 fs apart show vibrations above 3322 .* up to 4000 cm.*; make it smaller",
        ),
        (
            {"simulation": {"replicas": {3: 1}}},
            r"simulation\.replicas: chain lengths \[2\] of simulation.lengths have none",
        ),
        ({"simulation": {"replicas": {2: 0}}}, r"simulation\.replicas\.2: Input should be greater than or equal to 1"),
        ({"simulation": {"production": 1.0}}, "simulation.production: 1 ps is shorter than the 4 ps"),
        ({"sampling": {"aimd": {"replicas": 2}}}, r"chain length 1 has 2 replica\(s\) for 3 splits"),
        ({"frames": {"test": {2: 161}}}, "161 frames of chain length 2, but its campaigns keep 160"),
        (
            {"density_network": {"trunk": "phisnet", "irreps": "8x0e+4x1o"}},
            "density_network: irreps: trunk phisnet has",
        ),
        ({"basis": {"max_l": 5}}, "density_network.irreps: highest l is 4, but basis.max_l is 5"),
    ],
)
def test_studies_that_make_no_sense(sections, words):
    values = changed(**sections)
    if sections.get("frames", {}).get("train") == {}:
        values["frames"]["train"] = {}
    with pytest.raises(ConfigError, match=words):
        check_study(values)


INFINITE = float("inf")
NONSENSE = [
    ({"simulation": {"production": INFINITE}}, r"simulation\.production: Input should be a finite number"),
    ({"sampling": {"aimd": {"temperature": float("nan")}}}, r"sampling\.aimd\.temperature: Input should be"),
    ({"spectra": {"range": [400.0, INFINITE]}}, r"spectra\.range\.1: Input should be a finite number"),
    ({"sampling": {"aimd": {"replicas": True}}}, r"sampling\.aimd\.replicas: Input should be a number, not yes or no"),
    ({"sampling": {"aimd": {"lengths": [True, 2]}}}, r"sampling\.aimd\.lengths\.0: Input should be a number, not yes"),
    ({"frames": {"test": {2: True}}}, r"frames\.test\.2: Input should be a number, not yes or no"),
    ({"variants": {"a": {"train_frames": True}}}, r"variants\.a\.train_frames: Input should be a number, not yes"),
    ({"variants": {"a": {"energy_training": {"clip": INFINITE}}}}, r"variants\.a\.energy_training\.clip: Input"),
    ({"reference": {"xc": ""}}, r"reference\.xc: String should have at least 1 character"),
    ({"reference": {"xc": " "}}, r"reference\.xc: String should have at least 1 character"),
    ({"density_network": {"cutoff": 1e-9}}, r"density_network\.cutoff: Input should be greater than or equal to 1\.5"),
    ({"basis": {"kind": "named", "name": "def2-SVP"}}, r"basis\.name: def2-SVP is no basis that densities are"),
    ({"reference": {"coulomb_basis": "cc-pVDZ"}}, r"reference\.coulomb_basis: cc-pVDZ is no basis that densities are"),
    ({"name": "a" * 101}, r"name: String should have at most 100 characters"),
    ({"name": "../elsewhere"}, r"name: String should match pattern"),
    ({"molecule": {"name": "cis/trans"}}, r"molecule\.name: 'cis/trans' is no file name; give 1 to 100"),
    ({"molecule": {"name": "a" * 101}}, r"molecule\.name: 'aaaaaaaaaaaaaaaaaaaa\.\.\.' is no file name"),
    ({"molecule": {"name": " "}}, r"molecule\.name: ' ' is no file name"),
    ({"molecule": {"name": "polypyrrole"}}, r"molecule\.name: 'polypyrrole' is \[\*:1\]c1ccc\(\[nH\]1\)\[\*:2\], not"),
    ({"molecule": {"name": "ethanol"}}, r"molecule\.name: 'ethanol' is CCO, not .* leave out molecule\.smiles"),
    ({"variants": {"a" * 101: {}}}, r"variants\.a+: String should have at most 100 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), NONSENSE)
def test_values_that_make_no_sense(changes, words):
    with pytest.raises(ConfigError, match=rf"1 wrong setting\(s\)\n  {words}"):
        check_study(changed(**changes))


def sections(section=Study):
    """Yield every section there is."""
    yield section
    for field in section.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from sections(kind)


@pytest.mark.parametrize("section", dict.fromkeys(sections()), ids=lambda section: section.__name__)
def test_yes_is_never_a_number(section):
    answers = {
        name for name, field in section.model_fields.items() if bool in (field.annotation, *get_args(field.annotation))
    }
    with pytest.raises(ValidationError) as caught:
        section.model_validate(dict.fromkeys(section.model_fields, True))
    assert {item["loc"][0] for item in caught.value.errors() if item["type"] != "missing"} == {
        *section.model_fields
    } - answers


def test_numbers_in_words_are_numbers():
    """So that settings can be given on a command line."""
    study = check_study(changed(seed="2", simulation={"temperature": "300", "replicas": 4.0}))
    assert (study.seed, study.simulation.temperature, study.simulation.replicas) == (2, 300.0, 4)
    assert check_study(changed(sampling={"aimd": {"temperature": 300}})).sampling["aimd"].temperature == 300.0


@pytest.mark.parametrize(
    ("name", "smiles"),
    [("polythiophene", "c1(sc(cc1)[*:2])[*:1]"), ("thiophene", "[*:1]c1ccc(s1)[*:2]"), ("any name", "[*:1]O[*:2]")],
)
def test_names_of_molecules_that_are_theirs(name, smiles):
    assert check_study(changed(molecule={"name": name, "smiles": smiles}))


def test_settings_that_are_not_there_leave_what_checkpoints_are_known_by():
    plain, capped = check_study(STUDY), check_study(changed(energy_training={"max_electrons": 500}))
    assert not {"max_electrons", "final_energy_weight"} & plain.energy_training.model_dump().keys()
    assert plain.energy_training.fingerprint() == "ffe2238764ede004"
    assert capped.energy_training.model_dump()["max_electrons"] == 500
    assert plain.energy_training.fingerprint() != capped.energy_training.fingerprint()
    assert plain.data_settings() == capped.data_settings()


VARIANTS = [
    ({"few": {"train_frames": 5}}, r"variants\.few\.train_frames: 5, of 4 in frames\.train; ask for fewer"),
    ({"few": {"train_frames": {2: 1}}}, r"variants\.few\.train_frames: more than .* chain lengths \[2\]"),
    ({"few": {"train_frames": 0}}, r"variants\.few\.train_frames: Input should be greater than or equal to 1"),
    ({"few": {"train_frames": "all"}}, r"variants\.few\.train_frames: Input should be a valid integer"),
    ({"few": {"train_frame": 3}}, r"variants\.few\.train_frame: unknown key; did you mean 'train_frames'\?"),
    ({"a": {"energy_training": {"stps": 1}}}, r"variants\.a\.energy_training\.stps: unknown key; did you mean 'steps'"),
    ({"a": {"density_network": {"irreps": "8x0e"}}}, r"variants\.a\.density_network\.irreps: highest l is 0"),
    ({"two words": {}}, r"variants\.two words: String should match"),
]


@pytest.mark.parametrize(("variants", "words"), VARIANTS)
def test_variants_that_make_no_sense(variants, words):
    with pytest.raises(ConfigError, match=rf"1 wrong setting\(s\)\n  {words}"):
        check_study(changed(variants=variants))


def test_a_variant_is_the_study_with_other_settings():
    variants = {"a": {"density_network": {"cutoff": 6.0}, "seed": 4}, "few": {"train_frames": 3}, "same": {}}
    study = check_study(changed(variants=variants, density_network={"layers": 3}, simulation={"ensemble": ["a"]}))
    one = study.variant("a")
    assert (one.density_network.cutoff, one.density_network.layers, one.seed) == (6.0, 3, 4)
    assert one.energy_network == study.energy_network
    assert study.variant("few").density_training == study.density_training


def test_learning_curves_are_of_variants_that_differ_in_frames_and_steps_alone():
    brief = {"energy_training": {"steps": 7}}
    variants = {"few": {"train_frames": 3}, "quick": {"train_frames": 2, **brief}, "brief": brief}
    variants["other"] = {"train_frames": 2, "energy_training": {"steps": 7, "batch": 1}}
    variants["same"] = {"train_frames": 2, "seed": 1, "density_training": {"ema": 0.99}}
    variants["longer"] = {"train_frames": 2, "energy_training": {"steps": 99999}}
    variants["together"] = {"train_frames": 2, "joint_training": {"steps": 7}}
    assert check_study(changed(variants=variants)).learning_curve() == ["few", "quick", "same"]
    variants["apart"] = {"train_frames": 2, "joint_training": {"steps": 0}}
    study = check_study(changed(variants=variants, joint_training={"steps": 9}))
    assert study.learning_curve() == ["few", "quick", "same", "together"]


@pytest.mark.parametrize(
    ("simulation", "words"),
    [
        ({"ensemble": ["b"]}, "simulation.ensemble: b is not among the variants"),
        ({"max_deviation": 0.5}, "simulation.max_deviation: one model does not deviate"),
    ],
)
def test_ensembles_that_make_no_sense(simulation, words):
    with pytest.raises(ConfigError, match=words):
        check_study(changed(variants={"a": {"seed": 2}}, simulation=simulation))
    assert check_study(changed(variants={"a": {"seed": 2}}, simulation={"ensemble": ["a"], "max_deviation": 0.5}))


ALL = {"keep_densities": ["train", "validation", "test"]}
GRID = {"steps": 10}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grid_training": GRID}, r"grid_training\.steps: needs the DFT densities of train and validation frames"),
        ({"grid_training": {"flexible": True}}, r"grid_training\.flexible: asks for training on the grid"),
        ({"grid_training": GRID, "labels": ALL, "joint_training": {"steps": 5}}, r"joint_training\.steps: would pull"),
        ({"basis": {"prior": "none"}}, r"basis\.threshold: 0\.003 of the largest weight, .* say 0\.0001 or less"),
        (
            {"grid_training": GRID | {"flexible": True}, "labels": ALL, "variants": {"a": {"seed": 2}},
             "simulation": {"ensemble": ["a"]}},
            r"simulation\.ensemble: a and the study describe the density in different functions",
        ),
    ],
)  # fmt: skip
def test_trainings_and_priors_that_make_no_sense(changes, words):
    with pytest.raises(ConfigError, match=rf"1 wrong setting\(s\)\n  {words}"):
        check_study(changed(**changes))
    assert check_study(changed(grid_training=GRID, labels=ALL, basis={"prior": "none", "threshold": 1e-5}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "xtb"}, "sampling.spectrum.method: xtb, but spectra.reference needs dipoles"),
        ({"lengths": [1, 2]}, r"sampling.spectrum.lengths: \[1\] are not in simulation.lengths"),
        ({"ensemble": "langevin"}, r"sampling.spectrum.friction: 10 per ps broadens lines by 53.1 .* at most 0\.56"),
        ({"steps": 8000}, "sampling.spectrum.steps: 4 ps are shorter than the 4.004 ps .* each replica"),
        ({"replicas": 1}, r"sampling.spectrum.steps: 4\.05 ps are shorter than the 8\.008 ps .* a single replica"),
        ({"stride": 20}, "sampling.spectrum.stride: frames 10 fs apart show vibrations above 1666"),
    ],
)
def test_trajectories_that_cannot_be_a_reference(changes, words):
    assert check_study(changed(sampling={"spectrum": SPECTRUM}, spectra={"reference": "spectrum"}))
    with pytest.raises(ConfigError, match=words):
        check_study(changed(sampling={"spectrum": SPECTRUM | changes}, spectra={"reference": "spectrum"}))


def test_frames_may_be_further_apart_without_hydrogen():
    alone = changed(molecule={"name": "x", "smiles": "S=C=S"}, simulation={"lengths": [1], "stride": 5.0})
    alone["sampling"]["aimd"]["lengths"], alone["frames"]["test"] = [1], {1: 2}
    assert check_study(alone)
    with pytest.raises(ConfigError, match=r"simulation\.stride: .* up to 2500 cm"):
        check_study(merge(alone, {"simulation": {"stride": 8.0}}))


def test_the_reference_must_be_a_campaign():
    with pytest.raises(ConfigError, match=r"spectra\.reference: no campaign 'spectrum' in sampling; there are aimd"):
        check_study(changed(spectra={"reference": "spectrum"}))


def test_the_reference_gives_no_frames():
    plain = check_study(STUDY)
    named = check_study(changed(sampling={"spectrum": SPECTRUM}, spectra={"reference": "spectrum"}))
    assert named.campaigns_of(2) == plain.campaigns_of(2) == ["aimd"]
    assert named.data_settings() == plain.data_settings()
    only = changed(spectra={"reference": "aimd", "fwhm": 500.0}, simulation={"lengths": [1, 2]})
    with pytest.raises(ConfigError, match=r"chain lengths \[1, 2\] are in no sampling campaign \(that of spectra.ref"):
        check_study(only)


def test_everything_that_does_not_fit_is_said_at_once():
    wrong = changed(frames={"test": {3: 1}}, spectra={"range": [3500, 400]}, simulation={"stride": 0.75})
    with pytest.raises(ConfigError) as caught:
        check_study(wrong, "mine.yaml")
    first, *lines = str(caught.value).splitlines()
    assert first == "mine.yaml: 3 wrong setting(s)"
    assert [line.partition(":")[0] for line in lines] == ["  frames", "  simulation.stride", "  spectra.range"]


def test_replicas_and_frames_are_counted_over_campaigns():
    again = changed(sampling={"aimd": {"replicas": 2}, "more": {"lengths": [1], "replicas": 1}})
    assert check_study(again).campaigns_of(1) == ["aimd", "more"]
    assert check_study(changed(sampling={"aimd": {"replicas": 2}}, selection={"split": "block"}))


def test_a_repeat_unit_may_go_by_its_name():
    assert check_study(changed(molecule={"name": "polythiophene", "smiles": ""})).molecule.smiles == ""


def test_files(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read"):
        load_study(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml: not valid YAML"):
        load_study(tmp_path / "broken.yaml")
    (tmp_path / "twice.yaml").write_text("name: a\nframes: {train: {1: 1}}\nname: b\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml: not valid YAML: 'name' stands twice in one section"):
        load_study(tmp_path / "twice.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match=r"list\.yaml: a study is a mapping"):
        load_study(tmp_path / "list.yaml")


def test_overlay_and_fingerprint():
    study, other = check_study(STUDY), check_study(changed(seed=2))
    assert other.seed == 2
    assert study.fingerprint() != other.fingerprint()
    assert study.reference.fingerprint() == other.reference.fingerprint()
    assert study.frames.of(2) == {"test": 2}
    assert study.frames.lengths() == [1, 2]


def test_every_setting_is_documented():
    def undocumented(section, prefix=""):
        for name, entry in section.model_fields.items():
            nested = entry.annotation
            if isinstance(nested, type) and hasattr(nested, "model_fields"):
                yield from undocumented(nested, f"{prefix}{name}.")
            elif not entry.description:
                yield prefix + name

    assert list(undocumented(Study)) == []


def test_the_weight_of_energies_rises_over_the_second_half():
    rising = EnergyTraining(energy_weight=0.1, final_energy_weight=0.5)
    assert [rising.weight(done) for done in (0.0, 0.5, 0.75, 1.0)] == pytest.approx([0.1, 0.1, 0.3, 0.5])
    assert EnergyTraining(energy_weight=0.2).weight(1.0) == 0.2
