"""Twins of ab initio trajectories: the model from the very points where they start.

In the few picoseconds that can be afforded ab initio, a mode keeps about the energy that it started with, which chance
gave it. Trajectories of a model with starts of its own have other energies, and their intensities scatter by as much as
those of the reference do. Twins have the same, and what is left between both spectra is the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase import Atoms

from densnet.config import Campaign, Simulation, Spectra
from densnet.dynamics.md import run_together
from densnet.dynamics.start import Start
from densnet.errors import DataError
from densnet.spectra.trajectories import infrared_spectrum

if TYPE_CHECKING:
    from densnet.dynamics.field import ForceField
    from densnet.models.densnet import DenSNet
    from densnet.models.ensemble import Ensemble

AT_ONCE = 1e-9
"""ps; there is nothing to thermalise."""


def twin_spectrum(
    model: DenSNet | Ensemble | ForceField,
    reference: dict[str, Any],
    campaign: Campaign,
    settings: Spectra,
    out: Sequence[Path],
    **extra: Any,  # noqa: ANN401 - any JSON
) -> dict[str, Any]:
    """Run a twin of every ab initio trajectory, as long and with the same steps, and return their spectrum.

    Parameters
    ----------
    model
        Of `densnet.dynamics.md.run_together`.
    reference
        Spectrum of the ab initio trajectories (`densnet.spectra.aimd`), which knows their ``starts``.
    campaign
        How they were run.
    settings
        Line width and window.
    out
        Where the trajectories go, an H5MD file for each.
    extra
        Stored with the result (chain length ...).

    Returns
    -------
    dict
        As `densnet.spectra.trajectories.infrared_spectrum`, and ``starts_of``, whose twins these are.

    Raises
    ------
    DataError
        The spectrum does not say where its trajectories start, or is of another number of them.
    """
    points = reference.get("starts", [])
    if len(points) != len(out):
        raise DataError(
            f"spectrum of AIMD: {len(points)} starts are known of {len(out)} trajectories; delete it and run the rule "
            "again"
        )
    simulation = Simulation(
        lengths=campaign.lengths,
        timestep=campaign.timestep,
        stride=campaign.stride * campaign.timestep,
        thermalisation=AT_ONCE,
        production=campaign.steps * campaign.timestep / 1e3,
        temperature=campaign.temperature,
    )
    starts = [
        Start(Atoms(reference["symbols"], point["positions"]), 0, path, point["velocities"], {"replica": number})
        for number, (point, path) in enumerate(zip(points, out, strict=True))
    ]
    run_together(model, starts, simulation)
    return infrared_spectrum(out, settings, starts_of="AIMD", **extra)
