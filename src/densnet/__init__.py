"""DenSNet: spectra and electronic observables from machine-learned dynamics, by way of the electron density."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from densnet.dynamics.calculator import DenSNetCalculator
    from densnet.dynamics.ensemble import EnsembleCalculator

__version__ = "0.1.0"
__all__ = ["DenSNetCalculator", "EnsembleCalculator", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - module attributes are of any type
    """Import a calculator on first use, so that ``import densnet`` does not pull in torch."""
    if name == "DenSNetCalculator":
        from densnet.dynamics.calculator import DenSNetCalculator

        return DenSNetCalculator
    if name == "EnsembleCalculator":
        from densnet.dynamics.ensemble import EnsembleCalculator

        return EnsembleCalculator
    raise AttributeError(f"module 'densnet' has no attribute '{name}'")
