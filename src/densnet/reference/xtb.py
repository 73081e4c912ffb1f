"""GFN2-xTB: cheap forces for start geometries, pre-equilibration and broad sampling."""

from __future__ import annotations

from ase.calculators.calculator import Calculator


def xtb_calculator() -> Calculator:
    """Return a quiet ASE calculator for GFN2-xTB (Bannwarth, Ehlert and Grimme, JCTC 15, 1652, 2019)."""
    from tblite.ase import TBLite

    return TBLite(method="GFN2-xTB", verbosity=0)
