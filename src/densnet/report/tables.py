"""Tables of a study, as Markdown for people and CSV for programs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from densnet.files import atomic
from densnet.report.style import names

MISSING = "–"

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("frames", "frames", "d"),
    ("prior", "prior %", ".2f"),
    ("floor", "floor %", ".3f"),
    ("model", "model %", ".3f"),
    ("dipole_mae_debye", "dipole D", ".4f"),
    ("energy_mae_mev_atom", "energy meV/atom", ".2f"),
    ("energy_mae_centred_mev", "energy, mean removed, meV", ".1f"),
    ("force_mae_mev_angstrom", "force meV/Å", ".0f"),
    ("force_rms_mev_angstrom", "RMS force meV/Å", ".0f"),
    ("overlap_angstrom", "overlap Å", ".2f"),
)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is set left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows)) + "\n"


def level_name(reference: dict[str, Any]) -> str:
    """Return a level of theory as chemists write it, such as PBE-D4/def2-SVP, from its settings."""
    dispersion = f"-{reference['dispersion'].upper()}" if reference["dispersion"] else ""
    return f"{reference['xc']}{dispersion}/{reference['basis']}"


def errors_table(evaluation: dict[str, Any], molecule: str = "molecule", split: str = "test") -> str:
    """Return the errors of a split by chain length, with a line that says what each column is."""
    chosen = [row for row in evaluation["errors"] if row["split"] == split]
    trained = set(evaluation["train_lengths"])
    called = names((row["length"] for row in chosen), molecule)
    header = ["molecule", *(title for _, title, _ in COLUMNS)]
    rows = []
    for row in chosen:
        name = called[row["length"]] + ("" if row["length"] in trained else " (not trained on)")
        rows.append([name, *(_cell(_value(row, key), form) for key, _, form in COLUMNS)])
    return markdown(header, rows) + "\n" + EXPLANATION


EXPLANATION = (
    "Mean absolute errors against DFT. Density: integrated absolute difference in percent of the electrons, for "
    "the prior, the fitted labels (floor) and the model. Energy per atom includes the offset of a "
    "chain length, which dynamics does not feel; the next column is without it. Overlap: median over test frames of "
    "the smallest root-mean-square distance to a training frame.\n"
)


MODES = "modes, model / DFT"
"""The comparison of a chain length that is between modes, not between curves."""
GAS_PHASE = " / gas phase"
"""How the names of comparisons with measured lines end."""
GAS_PHASE_BANDS = f"{GAS_PHASE}, bands"
"""How they end where those lines are bands, with the intensities that their modes have in DFT."""
DFT_MODES = "DFT modes"
"""How they begin where each line is held against its own mode."""


def metrics_table(metrics: dict[str, Any], molecule: str = "molecule") -> str:
    """Return the likeness of spectra, one row for each chain length and comparison."""
    called = names(map(int, metrics), molecule)
    header = ["molecule", "comparison", "Pearson", "SIS", "EMD cm⁻¹", "peaks matched", "peak MAE cm⁻¹", "area ratio"]
    rows = [
        [
            called[int(length)], name, _cell(found.get("pearson"), ".3f"),
            _cell(found.get("spectral_information_similarity"), ".3f"),
            _cell(found.get("earth_movers_distance_cm"), ".1f"),
            f"{found['matched_peaks']}/{found['reference_peaks']}", _cell(found["matched_peak_mae_cm"], ".1f"),
            _cell(found.get("area_ratio"), ".2f"),
        ]
        for length, comparisons in metrics.items()
        for name, found in comparisons.items()
        if name != MODES and not name.startswith(DFT_MODES)
    ]  # fmt: skip
    return markdown(header, rows)


def modes_table(metrics: dict[str, Any], molecule: str = "molecule") -> str:
    """Return how the model's normal modes compare with those of DFT, one row for each chain length that has both."""
    called = names(map(int, metrics), molecule)
    header = [
        "molecule", "modes", "frequency MAE cm⁻¹", "intensity-weighted MAE cm⁻¹", "intensity Pearson",
        "share of intensity %", "largest residual cm⁻¹", "minima apart Å", "imaginary, model + DFT",
    ]  # fmt: skip
    rows = [
        [
            called[int(length)], str(len(found["pairs"])), _cell(found["frequency_mae_cm"], ".1f"),
            _cell(found["frequency_mae_weighted_cm"], ".1f"), _cell(found["intensity_pearson"], ".3f"),
            _cell(100 * found["captured_intensity"], ".1f"), _cell(found["largest_residual_cm"], ".1f"),
            f"{found['minima_rmsd_angstrom']:.2f}{'' if found['same_conformer'] else ', other conformers'}",
            " + ".join(map(str, found["imaginary"].values())),
        ]
        for length, comparisons in metrics.items()
        if (found := comparisons.get(MODES))
    ]  # fmt: skip
    return markdown(header, rows) if rows else ""


def lines_table(metrics: dict[str, Any], species: dict[str, Sequence[float | None]]) -> str:
    """Return each line that was compared with the peaks matched to it, one column for each spectrum; bands likewise.

    ``metrics`` are those of the molecule that was measured, ``species`` its lines (cm^-1) by symmetry species. The
    column beside the first spectrum, that of dynamics, says whether its band is within the bar. The last row is the
    mean error on the lines that all spectra have; a sentence below counts the lines by what each spectrum has of them.
    Where the lines have found their modes of DFT, these are a column too, and a second table is that of the bands.
    """
    found = _ending(metrics, GAS_PHASE)
    if not found:
        return ""
    compared = {line for one in found.values() for line in one["lines"]}
    lines = sorted((line, name) for name, positions in species.items() for line in positions if line in compared)
    header, rows = _matched(found, [line for line, _ in lines])
    header.insert(1, "species")
    for row, name in zip(rows, [*(name for _, name in lines), ""], strict=True):
        row.insert(1, name)
    if intensities := found.get(DFT_MODES, {}).get("intensities"):
        header.append("DFT km/mol")
        for row, cell in zip(rows, [*(f"{one:.1f}" for one in intensities), ""], strict=True):
            row.append(cell)
    text = f"{markdown(header, rows)}\n{_all_counted(found, 'lines')}"
    if not (bands := _ending(metrics, GAS_PHASE_BANDS)):
        return text
    return (
        f"{text}\n{DFT_MODES}: harmonic, of the species of each line, in the order of the lines; of the other spectra, "
        "the nearest peak, whichever its mode. With the intensities of their modes the lines make bands; their modes "
        "are a mean by intensity there.\n\n"
        f"{markdown(*_matched(bands, next(iter(bands.values()))['lines']))}\n{_all_counted(bands, 'bands')}"
    )


def _matched(found: dict[str, Any], lines: Sequence[float]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: of each line the peaks of all spectra; and the mean error on those that all have."""
    matched = [{line: peak for peak, line in one["pairs"]} for one in found.values()]
    common, bar = (next(iter(found.values()))[name] for name in ("common_lines", "bar_cm"))
    rows = [_line(line, [peaks.get(line) for peaks in matched], bar) for line in lines]
    first, *others = (_cell(one["common_mae_cm"], ".1f") for one in found.values())
    rows.append([f"mean error on {common} that all have", first, "", *others])
    first, *others = found
    return ["gas phase cm⁻¹", first, f"within {bar:.0f} cm⁻¹", *others], rows


def _all_counted(found: dict[str, Any], what: str) -> str:
    first = next(iter(found.values()))
    counts = "; ".join(f"{name} {_counted(one)}" for name, one in found.items())
    bar = f"within {first['bar_cm']:.0f} cm⁻¹, further off, without a partner"
    return f"Of {len(first['lines'])} {what} {bar}: {counts}.\n"


def _ending(metrics: dict[str, Any], ending: str) -> dict[str, Any]:
    return {name.removesuffix(ending): one for name, one in metrics.items() if name.endswith(ending)}


def _line(line: float, peaks: Sequence[float | None], bar: float) -> list[str]:
    """Return the row of a line; of the first of the peaks it says whether it is within ``bar`` of it."""
    first, *others = (_cell(peak, ".0f") for peak in peaks)
    verdict = "no band" if peaks[0] is None else "yes" if abs(peaks[0] - line) <= bar else "no"
    return [f"{line:.0f}", first, verdict, *others]


def _counted(found: dict[str, Any]) -> str:
    return ", ".join(str(found[name]) for name in ("within_bar", "further_off", "without_partner"))


def peaks_table(spectra: Sequence[dict[str, Any]], molecule: str = "molecule") -> str:
    """Return the peaks of the spectra from dynamics, one row for each."""
    called = names((values["length"] for values in spectra), molecule)
    header = ["molecule", "peak cm⁻¹", "height km/mol per cm⁻¹", "standard error"]
    rows = [
        [
            called[values["length"]], f"{peak['position']:.0f}", f"{peak['height']:.3g}",
            _cell(peak["standard_error"], ".2g"),
        ]
        for values in spectra
        for peak in values["peaks"]
    ]  # fmt: skip
    return markdown(header, rows) if rows else ""


def dynamics_table(spectra: Sequence[dict[str, Any]], molecule: str = "molecule") -> str:
    """Return how the trajectories behind spectra, of the model or ab initio, went, one row for each replica."""
    called = names((values["length"] for values in spectra), molecule)
    header = ["molecule", "forces", "replica", "ps", "mean K", "highest K", "longest bond / start", "drift meV/atom/ps"]
    rows = [
        [
            called[values["length"]], _forces(values), str(number),
            f"{found['picoseconds']:g}", f"{found['temperature']:.0f}",
            _cell(found.get("hottest"), ".0f"), _cell(found.get("largest_stretch"), ".2f"),
            _cell(found.get("drift_mev_atom_ps"), ".3f"),
        ]
        for values in spectra
        for number, found in enumerate(values["replicas"])
    ]  # fmt: skip
    return markdown(header, rows)


def _forces(values: dict[str, Any]) -> str:
    """Return whose forces the trajectories behind a spectrum have, and whose starts where those are not their own."""
    if "halves" in values:
        return "DFT"
    return "model" + (f", starts of {values['starts_of']}" if "starts_of" in values else "")


def write_errors(evaluation: dict[str, Any], out: Path, molecule: str = "molecule") -> None:
    """Write the table of test errors as Markdown, and every row and column of all splits beside it as CSV."""
    with atomic(out) as temporary:
        temporary.write_text(errors_table(evaluation, molecule))
    write_csv([_flat(row) for row in evaluation["errors"]], out.with_suffix(".csv"))


def write_csv(rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Write rows as CSV; what a row has not is left empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic(out) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    densities = {f"density_{name}": value for name, value in row.get("density", {}).items()}
    return {name: value for name, value in row.items() if name != "density"} | densities


def _value(row: dict[str, Any], key: str) -> Any:  # noqa: ANN401 - a number or None
    return row[key] if key in row else row.get("density", {}).get(key)


def _cell(value: float | None, form: str) -> str:
    return MISSING if value is None or value != value else format(value, form)
