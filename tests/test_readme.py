"""The README shows what is there."""

import csv
import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_links_and_pictures_lead_somewhere():
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if not target.startswith("http")]
    assert len(targets) > 3
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_table_of_errors_is_the_one_a_rule_wrote():
    table = [
        line
        for line in (ROOT / "docs" / "thiophene-mini" / "errors.md").read_text().splitlines()
        if line.startswith("|")
    ]
    assert len(table) > 3
    assert "\n".join(table) in README


def test_numbers_of_ethanol_are_those_of_its_study():
    found = json.loads((ROOT / "docs" / "ethanol" / "spectra.json").read_text())["lengths"]["1"]
    modes = found["modes, model / DFT"]
    model, aimd, dft = (found[f"{kind} / gas phase"] for kind in ("model dynamics", "AIMD", "DFT harmonic"))
    said = " ".join(README.split())
    runs = json.loads((ROOT / "docs" / "ethanol" / "spectra.json").read_text())["dynamics"]["1"]
    assert f"*The model that ships, {len(runs)} trajectories of {runs[0]['picoseconds']:g} ps; from" in said
    assert f"Of {len(modes['pairs'])} harmonic wavenumbers the model is {modes['frequency_mae_cm']:.1f} cm" in said
    with (ROOT / "docs" / "ethanol" / "modes.csv").open() as file:
        waves = [(row["method"], float(row["wavenumber_cm"])) for row in csv.DictReader(file)]
    ours, theirs = ([wave for method, wave in waves if (method == "DenSNet") == own] for own in (True, False))
    worst = max(abs(one - other) for one, other in zip(ours, theirs, strict=True))
    assert f"on average and {worst:.0f} at worst" in said
    assert f"spectra correlate with {found['model harmonic / DFT harmonic']['pearson']:.2f}: lines" in said
    assert f"intensities correlate with {modes['intensity_pearson']:.3f}. As" in said
    assert f"there are {model['reference_peaks']} [lines" in said
    counts = (str(aimd[name]) for name in ("within_bar", "further_off", "without_partner"))
    assert "of ab initio dynamics it is {}, {} and {} lines".format(*counts) in said
    counts = (str(dft[name]) for name in ("within_bar", "further_off", "without_partner"))
    assert "of harmonic DFT {}, {} and {}, whichever".format(*counts) in said
    off = " and ".join(f"{line:.0f}" for band, line in model["pairs"] if abs(line - band) > model["bar_cm"])
    assert f"{model['within_bar']} have a peak of dynamics within {model['bar_cm']:.0f} cm" in said
    assert f"{model['further_off']} have one further off ({off}), and {model['without_partner']} have none" in said


def test_bands_of_ethanol_are_those_of_its_study():
    found = json.loads((ROOT / "docs" / "ethanol" / "spectra.json").read_text())["lengths"]["1"]
    model, aimd, dft = (found[f"{kind} / gas phase, bands"] for kind in ("model dynamics", "AIMD", "DFT modes"))
    (far,) = (line for peak, line in model["pairs"] if abs(line - peak) > model["bar_cm"])
    (none,) = set(model["lines"]) - {line for _, line in model["pairs"]}
    off = next(mode - line for mode, line in dft["pairs"] if line == far)
    said = " ".join(README.split())
    for words in (
        f"the lines make {model['reference_peaks']} bands",
        f"dynamics has {model['within_bar']} within 40 cm⁻¹, {model['further_off']} further off ({far:.0f}) "
        f"and {model['without_partner']} not at all ({none:.0f})",
        f"ab initio dynamics {aimd['within_bar']}, {aimd['further_off']} and {aimd['without_partner']}: nearest peaks",
        f"of its own harmonic modes {dft['within_bar']} lie within 40 cm⁻¹ of their bands, and those at {far:.0f} cm⁻¹ "
        f"are {off:.0f} cm⁻¹ too high",
        f"On the {model['common_lines']} bands that all have, dynamics is {model['common_mae_cm']:.0f} cm⁻¹ off, ab "
        f"initio dynamics {aimd['common_mae_cm']:.0f} cm⁻¹ and the modes of DFT {dft['common_mae_cm']:.0f} cm⁻¹",
    ):
        assert words in said


def test_numbers_of_ab_initio_dynamics_of_ethanol():
    found = json.loads((ROOT / "docs" / "ethanol" / "spectra.json").read_text())["lengths"]["1"]
    twins, halves = found["model from starts of AIMD / AIMD"], found["AIMD half / AIMD half"]
    said = " ".join(README.split())
    assert f"finds {twins['matched_peaks']} of their {twins['reference_peaks']} bands, " in said
    assert f"bands, {twins['matched_peak_mae_cm']:.1f} cm⁻¹ off on average, and {twins['area_ratio']:.2f} times" in said
    assert (
        f"correlate with {twins['pearson']:.3f}, the halves of the reference with {halves['pearson']:.3f}. Traj" in said
    )
    assert f"correlate with those two by {found['model dynamics / AIMD']['pearson']:.2f} alone" in said


def test_numbers_of_ethanethiol_and_resorcinol_are_those_of_their_studies():
    found = [json.loads((ROOT / "docs" / name / "spectra.json").read_text()) for name in ("ethanethiol", "resorcinol")]
    modes = [one["lengths"]["1"]["modes, model / DFT"] for one in found]
    runs = [one["dynamics"]["1"] for one in found]
    drift = max(abs(run["drift_mev_atom_ps"]) for one in runs for run in one)
    said = " ".join(README.split())
    assert f"{len(runs[0])} and {len(runs[1])} trajectories of {runs[0][0]['picoseconds']:g} ps; harmonic DFT" in said
    assert "wavenumbers are {:.1f} cm⁻¹ and {:.1f} cm⁻¹ off".format(*(one["frequency_mae_cm"] for one in modes)) in said
    assert "correlate with {:.3f} and {:.3f}, and".format(*(one["intensity_pearson"] for one in modes)) in said
    curves = [one["lengths"]["1"]["model harmonic / DFT harmonic"]["pearson"] for one in found]
    assert "lines of 12 cm⁻¹, with {:.2f} and {:.2f}; no".format(*curves) in said
    assert [one["fwhm"] for one in found] == [12, 12]
    assert f"drifts by more than {math.ceil(drift * 1e4) / 1e4:.4f} meV/atom/ps. In 20 ps" in said


def test_numbers_of_ab_initio_dynamics_are_those_of_its_starts():
    found = json.loads((ROOT / "docs" / "polythiophene" / "spectra.json").read_text())["lengths"]["1"]
    twins, halves = found["model from starts of AIMD / AIMD"], found["AIMD half / AIMD half"]
    assert twins["matched_peaks"] == twins["reference_peaks"]
    said = " ".join(README.split())
    assert f"all {twins['reference_peaks']} bands, {twins['matched_peak_mae_cm']:.1f} cm" in said
    assert f"and {twins['area_ratio']:.2f} times the absorption" in said
    assert f"correlate with {twins['pearson']:.3f}, the halves of the reference with {halves['pearson']:.3f}" in said


def test_numbers_of_polythiophene_are_those_of_its_study():
    found = json.loads((ROOT / "docs" / "polythiophene" / "spectra.json").read_text())
    said = " ".join(README.split())
    lengths = found["lengths"]
    (six, hexamer), (twelve, longest) = (
        [lengths[length][name] for name in ("modes, model / DFT", "model harmonic / DFT harmonic")]
        for length in ("6", "12")
    )
    runs = found["dynamics"]["12"]
    drift = max(abs(run["drift_mev_atom_ps"]) for one in found["dynamics"].values() for run in one)
    for words in (
        f"{len(runs)} trajectories of {runs[0]['picoseconds']:g} ps for each length, "
        f"{len(found['dynamics']['1'])} of the monomer and {len(found['dynamics']['8'])} of eight rings",
        f"are {len(six['pairs'])} modes with {100 * six['captured_intensity']:.0f} % of the model's intensity",
        f"residuals of at most {six['largest_residual_cm']:.0f} and {twelve['largest_residual_cm']:.0f} cm⁻¹",
        f"wavenumbers are {six['frequency_mae_cm']:.1f} cm⁻¹ off on average",
        f"the spectra of both correlate with {hexamer['pearson']:.3f}",
        f"they are {len(twelve['pairs'])} modes with {100 * twelve['captured_intensity']:.0f} %, "
        f"{twelve['frequency_mae_cm']:.1f} cm⁻¹ and {longest['pearson']:.3f}",
        f"absorb {100 * longest['area_ratio']:.0f} % of what they do in DFT, six rings "
        f"{100 * hexamer['area_ratio']:.0f} %",
    ):
        assert words in said
    areas = {length: f"{lengths[length]['model dynamics / model harmonic']['area_ratio']:.2f}" for length in lengths}
    most, three, *others = sorted(areas.values(), reverse=True)
    assert (areas["2"], areas["3"]) == (most, three)
    assert f"two rings absorb {most} times what" in said
    assert f"three {three} times, the other lengths {others[-1]} to {others[0]} times" in said
    model, aimd = (
        [str(lengths["1"][f"{kind} / gas phase"][name]) for name in ("within_bar", "further_off", "without_partner")]
        for kind in ("model dynamics", "AIMD")
    )
    gas = lengths["1"]["model dynamics / gas phase"]
    assert f"Of {gas['reference_peaks']} lines of thiophene in the gas phase {model[0]} have a band" in said
    assert "{} has one further off, and {} have none of their own".format(*model[1:]) in said
    assert "initio dynamics it is {}, {} and {} lines. No".format(*aimd) in said
    most = float(re.search(r"drifts by more than ([\d.]+) meV/atom/ps", said)[1])
    assert drift <= most < 1.1 * drift


def test_numbers_of_both_models_of_chains_are_those_of_their_studies():
    folders = [ROOT / "docs" / name for name in ("polythiophene-joint", "polythiophene")]
    found = json.loads((folders[0] / "spectra.json").read_text())
    twelve = []
    for folder in folders:
        with (folder / "errors.csv").open() as file:
            twelve += [row for row in csv.DictReader(file) if (row["split"], row["length"]) == ("test", "12")]
    force, dipole, energy = (
        [float(row[f"{name}_mae_{unit}"]) for row in twelve]
        for name, unit in (("force", "mev_angstrom"), ("dipole", "debye"), ("energy", "mev"))
    )
    modes, curves = (
        [found["lengths"][length][name] for length in ("6", "12")]
        for name in ("modes, model / DFT", "model harmonic / DFT harmonic")
    )
    areas = [found["lengths"][length]["model dynamics / model harmonic"]["area_ratio"] for length in ("3", "6", "12")]
    drift = max(abs(run["drift_mev_atom_ps"]) for one in found["dynamics"].values() for run in one)
    said = " ".join(README.split())
    for words in (
        f"forces of twelve rings are then {force[0]:.0f} meV/Å off (in place of {force[1]:.0f})",
        f"dipoles {dipole[0]:.3f} D ({dipole[1]:.3f}), energies {energy[0]:.0f} meV ({energy[1]:.0f})",
        f"of six rings wavenumbers are {modes[0]['frequency_mae_cm']:.1f} cm⁻¹ off and the spectra correlate with "
        f"{curves[0]['pearson']:.3f}, of twelve {modes[1]['frequency_mae_cm']:.1f} cm⁻¹ and {curves[1]['pearson']:.3f}",
        f"absorb {100 * curves[1]['area_ratio']:.0f} % of what they do in DFT there",
        "three, six and twelve rings absorb {:.2f}, {:.2f} and {:.2f} times what".format(*areas),
        f"none drifts by more than {math.ceil(drift * 1e4) / 1e4:.4f} meV/atom/ps",
    ):
        assert words in said


def test_warm_chains_are_compared_with_their_minima():
    with (ROOT / "docs" / "polythiophene" / "spectra.csv").open() as file:
        rows = [{key: float(value or 0) for key, value in row.items()} for row in csv.DictReader(file)]
    below, above = [], []
    for length in {row["length"] for row in rows} - {1}:
        chain = [row for row in rows if row["length"] == length]
        for found, inside in ((below, lambda wave: wave < 650), (above, lambda wave: wave > 2800)):
            curves = [
                [row[f"{name}km_mol_cm"] for row in chain if inside(row["wavenumber_cm"])]
                for name in ("model_", "model_harmonic_")
            ]
            found.append(sum(curves[0]) / sum(curves[1]))
    words = (
        f"absorb {min(below):.1f} to {max(below):.1f} times as much as at their minima below 650 cm⁻¹, "
        f"and {min(above):.1f} to {max(above):.1f} times as much above 2800 cm⁻¹"
    )
    assert words in " ".join(README.split())


def test_floors_of_polythiophene_are_those_of_its_labels():
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (ROOT / "docs" / "polythiophene" / "labels.md").read_text().splitlines()
        if line.startswith("|")
    ]
    floor = rows[0].index("floor %")
    monomer, hexamer, twelve = (
        next(row[floor] for row in rows if row[:2] == [name, "test"]) for name in ("monomer", "6-mer", "12-mer")
    )
    said = " ".join(README.split())
    assert f"miss {monomer} % of the density of monomers, {hexamer} % of hexamers, {twelve} % of twelve rings" in said


def test_costs_are_those_of_the_benchmarks():
    step, aimd = (json.loads((ROOT / "benchmarks" / f"{name}.json").read_text()) for name in ("step", "aimd"))
    ours, mace = (step["medians"][name] for name in ("densnet, compiled", "MACE 64x0e, correlation 2"))
    chain, dft = ours["12-mer"], step["ab_initio"]["12"]
    least, most = sorted(round(found["ratio"], 1) for found in aimd["aimd"].values())
    said = " ".join(README.split())
    assert f"takes {chain:.0f} ms for energy, forces and dipole, where MACE 64x0e takes {mace['12-mer']:.0f} ms" in said
    assert f"dynamics {dft:.0f} s: 20 ps are {chain * 40 / 3600:.1f} h in place of {dft * 40_000 / 3600:.0f} h" in said
    assert f"ethanol takes {ours['ethanol']:.0f} ms, with MACE {mace['ethanol']:.0f} ms" in said
    assert f"to the power of {step['exponent']:.2f}" in said
    plain = step["medians"]["densnet"]
    faster = [f"{plain[name] / ours[name]:.1f}" for name in ("ethanol", "12-mer")]
    assert "are then {} times as fast for ethanol, {} times for twelve rings".format(*faster) in said
    assert f"are {least} to {most} times as fast" in said


def test_accuracies_are_those_of_the_benchmark():
    found = json.loads((ROOT / "benchmarks" / "accuracy.json").read_text())["ethanethiol"]
    names = ("densnet", "MACE 64x0e, correlation 2", "MACE 64x0e+64x1o, correlation 3")
    errors = [found[name]["errors"][0] for name in names]
    (e0, f0), (e1, f1), (e2, f2) = (
        (f"{x['energy_mae_mev']:.1f}", f"{x['force_mae_mev_angstrom']:.1f}") for x in errors
    )
    said = " ".join(README.split())
    assert f"energies are {e0} meV off and forces {f0} meV/Å" in said
    assert all(found[name]["seconds"] >= found["densnet"]["seconds"] for name in names)
    assert f"those of MACE 64x0e {e1} and {f1}, of MACE 64x0e+64x1o {e2} and {f2} (" in said


def test_cutoffs_are_those_of_the_variants():
    with (ROOT / "docs" / "polythiophene" / "variants.csv").open() as file:
        twelve = {row["variant"]: row for row in csv.DictReader(file) if row["length"] == "12"}
    near, middle, far = (twelve[f"cutoff-{name}"] for name in ("3_5", "5", "7"))
    dipoles = [float(row["dipole_mae_debye"]) for row in (near, middle, far)]
    said = " ".join(README.split())
    assert "{:.2f} D off with a cutoff of 3.5 Å, {:.2f} D with 5 Å and {:.2f} D with 7 Å".format(*dipoles) in said
    energies, forces = (
        [float(row[name]) for row in (near, middle, far)] for name in ("energy_mae_mev", "force_mae_mev_angstrom")
    )
    assert energies[0] == min(energies) and forces[0] == min(forces)
    assert "({:.0f}, {:.0f} and {:.0f} meV;".format(*energies) in said
    assert "{:.0f}, {:.0f} and {:.0f} meV/Å); the whole training".format(*forces) in said
    with (ROOT / "docs" / "polythiophene" / "errors.csv").open() as file:
        whole = next(row for row in csv.DictReader(file) if (row["split"], row["length"]) == ("test", "12"))
    energy, force = float(whole["energy_mae_mev"]), float(whole["force_mae_mev_angstrom"])
    assert f"brings those with 5 Å to {energy:.0f} meV and {force:.0f} meV/Å" in said
    assert f"only {whole['frames']} test frames of twelve rings" in said


def test_what_each_part_is_worth_is_what_the_variants_show():
    with (ROOT / "docs" / "ethanethiol" / "variants.csv").open() as file:
        rows = {
            row["variant"]: {key: float(row[key]) for key in row if key != "variant"} for row in csv.DictReader(file)
        }
    brief, phisnet = rows["brief"], rows["phisnet"]
    force, density = "force_mae_mev_angstrom", "density_percent"
    said = " ".join(README.split())
    assert f"forces are {brief[force]:.1f} meV/Å off, {rows['no-prior'][force]:.1f} without free atoms" in said
    unweighted = rows["unweighted"]["dipole_mae_debye"]
    assert f"Dipoles are {brief['dipole_mae_debye']:.3f} D off, {unweighted:.3f} D where" in said
    assert f"from {brief[density]:.3f} % to {rows['grid'][density]:.3f} %, with shells that stretch" in said
    assert f"stretch to {rows['flexible'][density]:.3f} %, below what" in said
    assert f"({brief['floor_percent']:.3f} %). PhiSNet" in said
    assert f"takes {phisnet['training_seconds'] / brief['training_seconds']:.1f} times as long" in said
    assert all(phisnet[error] > brief[error] for error in (density, "dipole_mae_debye"))
    assert phisnet["energy_mae_mev"] < brief["energy_mae_mev"] and round(phisnet[force] - brief[force]) == 0
    joint, blind = rows["joint"], rows["joint-no-density"]
    longer = joint["training_seconds"] / brief["training_seconds"]
    assert f"forces are then {joint[force]:.1f} meV/Å off, after {longer:.1f} times the time" in said
    assert f"geometry alone comes to {blind[force]:.1f} meV/Å" in said
    assert f"forces are {rows['no-density'][force]:.1f} meV/Å off, with it {brief[force]:.1f}" in said


def test_the_map_names_every_room():
    rooms = {path.stem if path.suffix else path.name for path in (ROOT / "src" / "densnet").iterdir()}
    public = {room for room in rooms if not room.startswith("_") and room != "__pycache__"}
    assert sorted(room for room in public if f"`densnet.{room}`" not in README) == []


def test_errors_of_long_chains_are_those_of_their_study():
    with (ROOT / "docs" / "polythiophene" / "errors.csv").open() as file:
        six, eight, twelve = (
            {
                key: float(row[key])
                for key in row
                if key.startswith(("energy_mae", "force_mae", "dipole_mae", "density_model"))
            }
            for row in csv.DictReader(file)
            if row["split"] == "test" and row["length"] in ("6", "8", "12")
        )
    said = " ".join(README.split())
    energy, force, density = "energy_mae_mev_atom", "force_mae_mev_angstrom", "density_model"
    assert f"energies are {twelve[energy]:.2f} meV/atom off (six rings: {six[energy]:.2f})" in said
    assert f"forces {twelve[force]:.0f} meV/Å ({six[force]:.0f}; their frames are hotter)" in said
    assert f"densities {twelve[density]:.3f} % ({six[density]:.3f})" in said
    ratio = twelve["dipole_mae_debye"] / six["dipole_mae_debye"] * (6 * 7 + 2) / (12 * 7 + 2)
    assert f"dipoles per atom {ratio:.2f} times as far off" in said
    ratio = twelve["dipole_mae_debye"] / eight["dipole_mae_debye"] * (8 * 7 + 2) / (12 * 7 + 2)
    assert f"dipoles of twelve are {ratio:.2f} times as far off, per atom" in said
