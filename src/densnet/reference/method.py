"""Density-fitted Kohn-Sham mean field: energy, gradient, dipole and density of one structure.

The same numbers as PySCF's own (1e-8 Hartree, 1e-6 Hartree/bohr), several times faster for pure functionals: see
`densnet.reference.grid` and `densnet.reference.coulomb`. Hybrid and meta-GGA functionals take PySCF's own path.
"""

from __future__ import annotations

import difflib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pyscf.df.grad.rks  # noqa: F401 - registers the density-fitted gradient
from ase import Atoms
from ase.units import Bohr
from pyscf import dft, gto, scf
from pyscf.dft import libxc
from pyscf.scf.dispersion import parse_dft

from densnet.config import Reference
from densnet.errors import CalculationError, ConfigError, ConvergenceError
from densnet.reference.coulomb import CachedDF
from densnet.reference.grid import CachedNumInt

log = logging.getLogger(__name__)

MeanField = scf.hf.SCF


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
    """Raise `ConfigError` naming the key when PySCF has no basis of this name for one of the elements."""
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


def _close(name: str, known: list[str]) -> str:
    def plain(text: str) -> str:
        return "".join(character for character in text.lower() if character.isalnum())

    names = {plain(other): other for other in known}
    close = difflib.get_close_matches(plain(name), names, n=3)
    return f"; close names: {', '.join(names[other] for other in close)}" if close else ""


def molecule(atoms: Atoms, reference: Reference) -> gto.Mole:
    """Return the neutral closed-shell PySCF molecule of a structure.

    Raises
    ------
    CalculationError
        When the number of electrons is odd.
    ConfigError
        When an element has no basis.
    """
    if sum(atoms.numbers) % 2:
        raise CalculationError(
            f"{atoms.get_chemical_formula()}: odd number of electrons; only closed shells are served"
        )
    check_level(reference, list(atoms.symbols))
    geometry = list(zip(atoms.get_chemical_symbols(), atoms.positions / Bohr, strict=True))
    memory = float(os.environ.get("PYSCF_MAX_MEMORY", gto.Mole.max_memory))  # which PySCF reads once, on import
    return gto.M(atom=geometry, unit="B", basis=reference.basis, verbose=0, max_memory=memory)


def mean_field(
    structure: Atoms | gto.Mole,
    reference: Reference,
    grid_level: int | None = None,
    conv_tol: float | None = None,
) -> MeanField:
    """Return the unconverged mean field of a structure.

    Parameters
    ----------
    structure
        Structure, or its PySCF molecule.
    reference
        Level of theory.
    grid_level, conv_tol
        Values that replace those of ``reference``, as when propagating.

    Returns
    -------
    pyscf.scf.hf.SCF
        On a GPU when the study wants one and gpu4pyscf finds it; stock gpu4pyscf in that case.
    """
    mol = molecule(structure, reference) if isinstance(structure, Atoms) else structure
    mf = dft.RKS(mol, xc=reference.xc)
    fast = not on_gpu(reference.device) and _pure(mf)
    kept = CachedDF(mol, reference.coulomb_basis) if fast and "coulomb" in reference.shortcuts else None
    mf = mf.density_fit(auxbasis=reference.coulomb_basis, with_df=kept)
    mf.grids.level = reference.grid_level if grid_level is None else grid_level
    mf.conv_tol = reference.conv_tol if conv_tol is None else conv_tol
    mf.max_cycle, mf.chkfile = reference.max_cycle, None
    if fast and "grid" in reference.shortcuts:
        mf._numint = CachedNumInt()
    return mf.to_gpu() if on_gpu(reference.device) else mf


def _pure(mf: MeanField) -> bool:
    """Return whether the functional is an LDA or GGA without exact exchange or non-local correlation."""
    numint = mf._numint
    return numint._xc_type(mf.xc) in ("LDA", "GGA") and not numint.libxc.is_hybrid_xc(mf.xc) and not mf.do_nlc()


def on_gpu(device: str) -> bool:
    """Return whether the mean field runs on a GPU; raise `CalculationError` when one is asked for and missing."""
    found = device != "cpu" and _gpu_found()
    if device == "gpu" and not found:
        raise CalculationError(
            "reference.device is 'gpu', but gpu4pyscf or its GPU is missing; install it or say 'auto'"
        )
    return found


@cache
def _gpu_found() -> bool:
    try:
        import cupy
        import gpu4pyscf  # noqa: F401

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception as error:
        log.debug("no GPU mean field: %s", error)
        return False


COARSE = 0, 1e-4
"""Grid level and threshold (Hartree) of the self-consistent field that a label starts from."""
COARSE_FROM = 2
"""Grid level from which a coarse start pays: it saves a tenth to a quarter of the time at 2, nothing at 1."""


def coarse_start(mf: MeanField, reference: Reference) -> np.ndarray | None:
    """Return a density matrix for `converge` to start from, converged on a coarse grid; None where that does not pay.

    It changes the number of cycles on the fine grid and nothing else.
    """
    if on_gpu(reference.device) or "coarse-start" not in reference.shortcuts or reference.grid_level < COARSE_FROM:
        return None
    coarse = mean_field(mf.mol, reference, *COARSE)
    coarse.with_df = mf.with_df  # its integrals do not depend on the grid
    coarse.kernel()
    return density_matrix(coarse) if coarse.converged else None


GATE = 1e-8, 1e-6
"""Hartree and Hartree/bohr by which a GPU may differ from the CPU."""


def check_device(structure: Atoms, reference: Reference) -> None:
    """Where the mean field runs on a GPU, compute a structure there and on the CPU.

    Raises
    ------
    CalculationError
        The two differ; some versions of gpu4pyscf are wrong by Hartrees.
    """
    if not on_gpu(reference.device):
        return
    tight = reference.model_copy(update={"conv_tol": min(reference.conv_tol, 1e-10)})
    energies, gradients = [], []
    for level in (tight, tight.model_copy(update={"device": "cpu"})):
        mf = mean_field(structure, level)
        try:
            converge(mf)
        except ConvergenceError as error:  # no verdict on the GPU; whoever needs this structure will say so
            log.warning("GPU not compared with the CPU: %s", error)
            return
        energies.append(energy(mf, level))
        gradients.append(gradient(mf, level))
    errors = abs(energies[0] - energies[1]), float(np.abs(gradients[0] - gradients[1]).max())
    log.info("GPU against CPU: %.1e Hartree, %.1e Hartree/bohr", *errors)
    if not (errors[0] < GATE[0] and errors[1] < GATE[1]):
        raise CalculationError(
            f"{structure.symbols}: the GPU differs from the CPU by {errors[0]:.1e} Hartree and {errors[1]:.1e} "
            "Hartree/bohr; say reference.device: cpu, or install another version of gpu4pyscf (at least 1.8.1)"
        )


def converge(mf: MeanField, guess: np.ndarray | None = None) -> str:
    """Bring a mean field to self-consistency, by harder and harder means.

    Parameters
    ----------
    mf
        Mean field; its orbitals, energy and ``converged`` are set.
    guess
        Density matrix to start from.

    Returns
    -------
    str
        Name of the rung that converged.

    Raises
    ------
    ConvergenceError
        When no rung of the ladder converged. Nothing of the mean field must be used then.
    """
    for name, rung in _ladder(mf, guess):
        try:
            rung()
        except (np.linalg.LinAlgError, ValueError) as error:
            log.warning("SCF (%s): %s", name, error)
            continue
        if mf.converged and np.isfinite(mf.e_tot):
            return name
        log.info("SCF not converged from %s", name)
    raise ConvergenceError(
        f"{''.join(mf.mol.elements)}: SCF not converged on any rung (given density, fresh guess, level shift, second "
        f"order) with reference.max_cycle = {mf.max_cycle}; look at the geometry, or raise max_cycle"
    )


def _ladder(mf: MeanField, guess: np.ndarray | None) -> Iterator[tuple[str, Callable[[], Any]]]:
    if guess is not None:
        yield "given density", lambda: mf.kernel(dm0=guess)
    yield "fresh guess", lambda: mf.kernel()
    yield "level shift", lambda: _shifted(mf)
    yield "second order", lambda: _second_order(mf)


def _shifted(mf: MeanField) -> None:
    """Converge with a raised virtual space and damped steps, then once more without them."""
    mf.level_shift, mf.damp = 0.4, 0.4
    try:
        mf.kernel()
    finally:
        mf.level_shift, mf.damp = 0.0, 0.0
    if mf.converged:
        mf.kernel(dm0=mf.make_rdm1())


def _second_order(mf: MeanField) -> None:
    newton = mf.newton()
    newton.kernel()
    for name in ("mo_coeff", "mo_occ", "mo_energy", "e_tot", "converged"):
        setattr(mf, name, getattr(newton, name))


def energy(mf: MeanField, reference: Reference) -> float:
    """Return the total energy of a converged mean field with dispersion, Hartree."""
    return float(mf.e_tot) + (dispersion(mf.mol, reference.xc)[0] if reference.dispersion else 0.0)


def gradient(mf: MeanField, reference: Reference) -> np.ndarray:
    """Return the derivative of `energy` with respect to the nuclei, Hartree/bohr, shape (atoms, 3)."""
    if isinstance(getattr(mf, "_numint", None), CachedNumInt) and isinstance(getattr(mf, "with_df", None), CachedDF):
        total = _direct_gradient(mf)
    else:
        stock = mf.nuc_grad_method()
        stock.verbose = 0
        total = to_numpy(stock.kernel())
    return total + dispersion(mf.mol, reference.xc)[1] if reference.dispersion else total


def _direct_gradient(mf: MeanField) -> np.ndarray:
    mol, dm = mf.mol, mf.make_rdm1()
    mf.with_x2c = None  # PySCF would look for it in all of its modules, and importing those takes longer than this
    stock = mf.nuc_grad_method()
    weighted = stock.make_rdm1e(mf.mo_energy, mf.mo_coeff, mf.mo_occ)
    core, overlap = stock.hcore_generator(mol), stock.get_ovlp(mol)
    total = stock.grad_nuc() + mf.with_df.gradient(dm) + mf._numint.gradient(mol, mf.grids, mf.xc, dm)
    for atom, (start, stop) in enumerate(mol.aoslice_by_atom()[:, 2:]):
        total[atom] += np.einsum("xij,ij->x", core(atom), dm)
        total[atom] -= 2 * np.einsum("xij,ij->x", overlap[:, start:stop], weighted[start:stop])
    return total


def dipole(mf: MeanField) -> np.ndarray:
    """Return the dipole of a converged mean field about the origin, e bohr."""
    return to_numpy(mf.dip_moment(unit="AU", verbose=0))


def density_matrix(mf: MeanField) -> np.ndarray:
    """Return the density matrix of a converged mean field as a plain array, shape (orbitals, orbitals)."""
    return np.asarray(to_numpy(mf.make_rdm1()))


def to_numpy(array: Any) -> np.ndarray:  # noqa: ANN401 - numpy or cupy
    """Return an array of the host, whichever device it lives on."""
    return array.get() if hasattr(array, "get") else np.asarray(array)


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
