"""Settings of dynamics and of spectra."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from densnet.config.section import Count, Counts, Length, Positive, Real, Section


class Simulation(Section):
    """Molecular dynamics with the trained model."""

    lengths: list[Length] = Field(min_length=1)
    """Chain lengths that are run."""
    replicas: Counts = 4
    """Independent starts of each length; by length where short chains, whose spectra are the noisier ones, get more."""
    batch: Count = 1
    """Replicas that run together in one job: for small molecules a step of several takes less than as many steps
    of one. A replica that stops, because a bond breaks for one, stops its company."""
    compile: bool | None = None
    """Whether the model is compiled for the molecule, which takes minutes and makes steps faster, of small molecules
    most; null: for runs of 20,000 steps and more."""
    temperature: Positive = 300.0
    """K."""
    timestep: Positive = 0.5
    """fs."""
    friction: Positive = 10.0
    """Langevin friction of the thermalisation, 1/ps."""
    thermalisation: Positive = 0.5
    """ps of Langevin dynamics before each run."""
    production: Positive = 5.0
    """ps of NVE dynamics from which spectra are taken."""
    stride: Positive = 2.0
    """fs between stored frames."""
    ensemble: list[str] = []
    """Variants whose models, and the study's own, drive dynamics by their mean."""
    max_deviation: Positive | None = None
    """eV/Angstrom, standard deviation of the forces of the ensemble that stops a run; null: none does."""

    def replicas_of(self, length: int) -> int:
        """Return the number of independent starts of a chain length; one that is not named has the smallest."""
        if not isinstance(self.replicas, dict):
            return self.replicas
        return self.replicas.get(length, min(self.replicas.values()))

    def jobs_of(self, length: int) -> list[tuple[int, ...]]:
        """Return the replicas of a chain length that run together, job by job."""
        replicas = range(self.replicas_of(length))
        return [tuple(replicas[first : first + self.batch]) for first in replicas[:: self.batch]]


class Spectra(Section):
    """Infrared spectra."""

    source: Literal["auto", "compute"] = "auto"
    """``auto`` takes those that ship with the project when their settings are those of the study: of DFT, and of the
    dynamics of a model that ships; ``compute`` never does. ``spectra: compute`` is short for this key."""
    fwhm: Positive = 12.0
    """cm^-1, line width of all spectra; Welch segments are chosen to give it (48.05/fwhm ps, Hann windows)."""
    range: tuple[Positive, Positive] = (400.0, 3500.0)
    """cm^-1, window of comparisons and figures."""
    reference: str | None = None
    """Campaign of ``sampling``, with ``method: aimd``, whose trajectories give the spectrum that the model's dynamics
    is held against; with ``ensemble: nve`` the model is run from their starts too. No labelled frame is picked from
    it."""


class Harmonic(Section):
    """Harmonic infrared spectra, of the model for every simulated length and of DFT where asked for here."""

    full: list[Length] = []
    """Chain lengths with a full DFT Hessian."""
    hessian: Literal["differences", "analytic"] = "differences"
    """Full DFT Hessian: ``differences`` of gradients, on the grid of the labels, one displacement after the other kept;
    ``analytic`` on a finer grid, which it needs for the same wavenumbers, at once and always on the CPU."""
    tracked: list[Length] = []
    """Chain lengths with DFT in the space of the model's infrared-active modes."""
    captured: Real = Field(0.95, gt=0, le=1)
    """Share of the model's infrared intensity that the tracked modes carry."""
    max_modes: Count = 40
    """At most this many tracked modes (two DFT gradients each, one where symmetry shows the other)."""
    displacement: Positive = 0.01
    """Angstrom, norm of the displacement along a mode."""
    processes: Count = 1
    """Displacements of a chain that are computed at the same time, each on a core of its own; on a GPU always one."""
