"""Spectra of trajectories."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from densnet.cli.options import command, output, positive
from densnet.config import Spectra
from densnet.errors import DataError
from densnet.spectra.aliasing import WITH_HYDROGEN

log = logging.getLogger("densnet")

FEWEST_LINES = 3
"""Line widths that a window must hold to show a spectrum."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    ir = command(
        commands,
        "ir",
        run_ir,
        "infrared spectrum of trajectories of one molecule, as JSON and, beside it, as figure (.png)",
    )
    ir.add_argument("trajectories", type=Path, nargs="+", help="H5MD files, one for each replica")
    ir.add_argument("--harmonic", type=Path, help="harmonic result to draw below")
    fields = Spectra.model_fields
    width = "line width, cm^-1; Welch segments of 48/FWHM ps are used"
    ir.add_argument("--fwhm", type=positive, default=fields["fwhm"].default, help=width)
    window = fields["range"].default[0], WITH_HYDROGEN
    ir.add_argument("--range", type=positive, nargs=2, default=window, help="window, cm^-1")
    output(ir, "infrared.json", (".json",))


def run_ir(given: argparse.Namespace) -> None:
    """Write the spectrum of trajectories, and draw it."""
    from densnet.report.spectra import single_figure
    from densnet.spectra import trajectories

    settings, below, figure = _settings(given), _below(given), given.out.with_suffix(".png")
    trajectories.write(given.out, trajectories.infrared_spectrum(given.trajectories, settings))
    found = trajectories.read(given.out)
    single_figure(found, below, figure)
    log.info("%s, %s: lines %.0f cm^-1 wide", given.out, figure, found["fwhm"])
    for peak in found["peaks"]:
        error = "" if peak["standard_error"] is None else f" ± {peak['standard_error']:.2g}"
        log.info("%7.0f cm^-1  %.3g%s km/mol per cm^-1", peak["position"], peak["height"], error)


def _settings(given: argparse.Namespace) -> Spectra:
    """Return line width and window; raise `DataError` where the window shows no spectrum."""
    from densnet.spectra.trajectories import STEP

    low, high = given.range
    if low >= high:
        raise DataError(f"--range {low:g} {high:g}: empty window; give the lower wavenumber first")
    if high - low < (least := FEWEST_LINES * max(given.fwhm, STEP)):
        raise DataError(
            f"--range {low:g} {high:g}: too narrow for lines of --fwhm {given.fwhm:g}; give {least:g} cm^-1 or more"
        )
    return Spectra(fwhm=given.fwhm, range=(low, high))


def _below(given: argparse.Namespace) -> dict[str, Any] | None:
    """Return the harmonic result to draw, if any; raise `DataError` where it is of another molecule."""
    import numpy as np
    from ase import Atoms

    from densnet.dynamics import h5md
    from densnet.spectra import harmonic

    if given.harmonic is None:
        return None
    found, first = harmonic.read(given.harmonic), given.trajectories[0]
    run = h5md.read(first, coordinates=False)
    ours, theirs = (Atoms(values).get_chemical_formula() for values in (found["symbols"], run.symbols))
    if ours != theirs:
        raise DataError(f"{given.harmonic}: modes of {ours}, but {first} is of {theirs}; give those of the molecule")
    masses = harmonic.masses_of(found), run.masses
    if list(found["symbols"]) != list(run.symbols):  # in another order: of each element the same ones, at least
        masses = (own[np.lexsort((own, of))] for own, of in zip(masses, (found["symbols"], run.symbols), strict=True))
    if not np.allclose(*masses, atol=0.01):
        raise DataError(
            f"{given.harmonic}: modes of other isotopes than those of {first}, or at other atoms; give those of the "
            "molecule"
        )
    return found
