"""The level of theory of a study: whether it exists for some elements, and its dispersion correction."""

from __future__ import annotations

import difflib
import warnings
from typing import Any

import numpy as np
from pyscf import gto
from pyscf.dft import libxc
from pyscf.scf.dispersion import parse_dft

from densnet.config import Reference
from densnet.errors import ConfigError


def check_level(reference: Reference, symbols: list[str]) -> None:
    """Raise `ConfigError` when the functional or a basis does not exist for the elements."""
    try:
        functional, _, corrected = parse_dft(reference.xc)
        libxc.parse_xc(functional)
    except (KeyError, ValueError, NotImplementedError):
        known = [*libxc.XC_CODES, *libxc.XC_ALIAS]
        raise ConfigError(f"reference.xc: no functional {reference.xc!r}{_close(reference.xc, known)}") from None
    if corrected:
        raise ConfigError(
            f"reference.xc: {reference.xc!r} names a dispersion correction; say {functional!r}, and for D4 "
            "reference.dispersion: d4"
        )
    for key in ("basis", "coulomb_basis"):
        check_basis_name(f"reference.{key}", getattr(reference, key), symbols)
    if reference.dispersion:
        _damping(reference.xc)


def check_basis_name(key: str, name: str, symbols: list[str]) -> None:
    """Raise `ConfigError` naming the key when PySCF has no all-electron basis of this name for one of the elements."""
    for symbol in sorted(set(symbols)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a package that could be asked for the basis over the network
                found = gto.basis.load(name, symbol)
        except Exception:
            found = []
        if not found:
            hint = _close(name, list(gto.basis.ALIAS))
            raise ConfigError(f"{key}: no basis {name!r} for {symbol}{hint}") from None
        if _has_core_potential(name, symbol):
            raise ConfigError(
                f"{key}: {name!r} leaves the core of {symbol} to a potential, and densities here are those of all "
                "electrons; name a basis for them, or another molecule"
            )


def _has_core_potential(name: str, symbol: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(gto.basis.load_ecp(name, symbol))
    except Exception:  # most have no file of potentials
        return False


def _close(name: str, known: list[str]) -> str:
    def plain(text: str) -> str:
        return "".join(character for character in text.lower() if character.isalnum())

    names = {plain(other): other for other in known}
    close = difflib.get_close_matches(plain(name), names, n=3)
    return f"; close names: {', '.join(names[other] for other in close)}" if close else ""


def dispersion(mol: gto.Mole, xc: str) -> tuple[float, np.ndarray]:
    """Return the D4 energy (Hartree) and its gradient (Hartree/bohr) (Caldeweyher et al., JCP 150, 154122, 2019)."""
    from dftd4.interface import DispersionModel

    model = DispersionModel(mol.atom_charges(), mol.atom_coords())
    result = model.get_dispersion(_damping(xc), grad=True)
    return float(result["energy"]), np.array(result["gradient"])


def _damping(xc: str) -> Any:  # noqa: ANN401 - dftd4 is untyped
    from dftd4.interface import DampingParam

    try:
        return DampingParam(method=xc.lower())
    except RuntimeError:
        raise ConfigError(f"reference.dispersion: D4 has no parameters for reference.xc = {xc!r}") from None
