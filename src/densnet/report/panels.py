"""What is shown and measured of one chain length: its spectra on one grid and at one line width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densnet.spectra import lineshapes
from densnet.spectra.experiment import Lines

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """The spectra of one chain length, km/mol per cm^-1.

    Attributes
    ----------
    dynamics
        Spectrum of the model's trajectories (`densnet.spectra.trajectories`).
    model, dft
        Harmonic results (`densnet.spectra.harmonic`) of the model and of DFT.
    aimd, twins
        Spectrum of ab initio trajectories (`densnet.spectra.aimd`), and of the model's from where these start.
    measured
        Lines of the gas phase.
    """

    dynamics: dict[str, Any]
    model: dict[str, Any] | None = None
    dft: dict[str, Any] | None = None
    aimd: dict[str, Any] | None = None
    twins: dict[str, Any] | None = None
    measured: Lines | None = None

    @property
    def length(self) -> int:
        """Number of monomers; 0 where the spectrum does not say."""
        return self.dynamics.get("length", 0)

    @property
    def grid(self) -> Array:
        """Wavenumbers (G,), cm^-1."""
        return self.dynamics["wavenumber"]

    @property
    def mean(self) -> Array:
        """Mean (G,) of the model's trajectories."""
        return self.dynamics["mean"]

    @property
    def error(self) -> Array | None:
        """Standard error (G,) of that mean; None of a single trajectory."""
        return self.dynamics["standard_error"]

    @property
    def top(self) -> Array:
        """Upper edge (G,) of the band that the standard error makes."""
        return self.mean if self.error is None else self.mean + self.error

    @property
    def tracked(self) -> bool:
        """Whether DFT knows only some of the modes."""
        both = self.model is not None and self.dft is not None
        return both and len(self.dft["frequencies"]) < len(self.model["frequencies"])

    @property
    def whole(self) -> dict[str, Any] | None:
        """The harmonic result of DFT where it is the whole spectrum, which a few tracked modes are not."""
        return self.dft if self.dft is not None and round(self.dft.get("captured", 1.0), 4) == 1 else None

    @property
    def imaginary(self) -> dict[str, Array]:
        """Imaginary wavenumbers (cm^-1, negative) of the harmonic results, which no curve shows."""
        known = {"model": self.model, "dft": self.dft}
        return {name: one["frequencies"][one["frequencies"] <= 0] for name, one in known.items() if one is not None}

    @property
    def counterpart(self) -> dict[str, Any] | None:
        """The model's modes that those of DFT are held against.

        Tracked modes are a part of the spectrum: then these are the modes that were tracked, at the DFT minimum too.
        """
        if self.model is None or self.dft is None:
            return None
        return self.model | {name: np.array(values) for name, values in self.dft.get("model", {}).items()}

    def broadened(self, values: dict[str, Any]) -> Array:
        """Return the curve (G,) of a harmonic result at the line width of the trajectories, real modes alone."""
        real = values["frequencies"] > 0
        return self.lines(values["frequencies"][real], values["intensities"][real])

    def lines(self, wavenumbers: ArrayLike, intensities: ArrayLike) -> Array:
        """Return the curve (G,) of lines (cm^-1, km/mol) at the line width of the trajectories."""
        return lineshapes.broaden(wavenumbers, intensities, self.grid, self.dynamics["fwhm"])
