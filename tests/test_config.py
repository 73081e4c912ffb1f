"""A wrong study says everything that is wrong with it, at once."""

import copy

import pytest

from densnet.config import Study, check_study, load_study, merge
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
        ({"molecule": {"smiles": "CCO"}}, "no attachment points"),
        ({"harmonic": {"full": [1]}}, r"chain lengths \[1\] are not in simulation.lengths"),
        ({"molecule": {"name": "thiofene", "smiles": ""}}, "molecule.name: 'thiofene'.*did you mean thiophene"),
        ({"spectra": {"range": [3500, 400]}}, "spectra.range: 3500 is not below 400"),
        ({"simulation": {"stride": 0.75}}, "simulation.stride: 0.75 fs is not a multiple of .* 0.5 fs"),
        ({"simulation": {"stride": 8.0}}, "simulation.stride: frames 8 fs apart know nothing above 2085"),
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
    assert check_study(changed(variants=variants)).learning_curve() == ["few", "quick"]


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
        ({"stride": 20}, "sampling.spectrum.stride: frames 10 fs apart know nothing above 1668"),
    ],
)
def test_trajectories_that_cannot_be_a_reference(changes, words):
    assert check_study(changed(sampling={"spectrum": SPECTRUM}, spectra={"reference": "spectrum"}))
    with pytest.raises(ConfigError, match=words):
        check_study(changed(sampling={"spectrum": SPECTRUM | changes}, spectra={"reference": "spectrum"}))


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
