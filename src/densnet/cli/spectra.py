"""Spectra of trajectories."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from densnet.cli.options import command, output, positive
from densnet.config import Spectra
from densnet.errors import DataError

log = logging.getLogger("densnet")


def add(commands: argparse._SubParsersAction) -> None:
    """Add the commands of this room."""
    ir = command(commands, "ir", run_ir, "infrared spectrum of trajectories of one molecule, as JSON and figure")
    ir.add_argument("trajectories", type=Path, nargs="+", help="H5MD files, one for each replica")
    ir.add_argument("--harmonic", type=Path, help="harmonic result to draw below")
    fields = Spectra.model_fields
    width = "line width, cm^-1; Welch segments of 48/FWHM ps are used"
    ir.add_argument("--fwhm", type=positive, default=fields["fwhm"].default, help=width)
    ir.add_argument("--range", type=positive, nargs=2, default=fields["range"].default, help="window, cm^-1")
    output(ir, "infrared.json")


def run_ir(given: argparse.Namespace) -> None:
    """Write the spectrum of trajectories, and draw it."""
    from densnet.report.spectra import single_figure
    from densnet.spectra import harmonic, trajectories

    low, high = given.range
    if low >= high:
        raise DataError(f"--range {low:g} {high:g}: empty window; give the lower wavenumber first")
    settings = Spectra(fwhm=given.fwhm, range=(low, high))
    found = trajectories.infrared_spectrum(given.trajectories, settings)
    trajectories.write(given.out, found)
    below = harmonic.read(given.harmonic) if given.harmonic else None
    figure = given.out.with_suffix(".png")
    single_figure(trajectories.read(given.out), below, figure)
    log.info("%s, %s: lines %.0f cm^-1 wide", given.out, figure, found["fwhm"])
    for peak in found["peaks"]:
        log.info("%7.0f cm^-1  %.3g ± %.2g km/mol per cm^-1", *peak.values())
