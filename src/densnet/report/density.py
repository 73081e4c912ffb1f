"""A slice through the density difference of one test frame: that of DFT, the model's, and what the model misses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from ase.units import Bohr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from densnet.config import Reference
from densnet.dataset import Dataset
from densnet.errors import DataError
from densnet.frames import FrameSet
from densnet.models.densnet import DenSNet
from densnet.observables import density_difference
from densnet.report import style
from densnet.report.evaluation import predict

Array = NDArray[np.float64]

POINTS = 40_000
"""About as many points of a slice are computed."""
MARGIN = 1.6
"""Å between the outermost atoms and the edge of the slice."""
IN_PLANE = 0.4
"""Å; atoms further from the plane of the slice are drawn hollow."""
SHARE = 99.0
"""Percent of the slice within the range of its colours; the rest, close to nuclei, is saturated."""
WIDE = 2.0
"""A slice more than this many times as wide as high has its three pictures below each other."""


def density_figure(dataset: Dataset, model: DenSNet, out: Path, name: str = "molecule") -> None:
    """Draw the first test frame of the longest chain that is tested on.

    Parameters
    ----------
    dataset
        Labelled frames. Where it keeps no DFT density of that frame, the fit to it is drawn in its place.
    model
        Trained model.
    out
        Figure, SVG or PNG.
    name
        Of the molecule.

    Raises
    ------
    DataError
        The dataset has no test frame.
    """
    tested = list(dataset.of("test"))
    if not tested:
        raise DataError("the dataset has no test frame to draw; give frames.test some")
    length, frames = tested[-1]
    frame, symbols = frames.take(np.array([0])), list(frames.symbols)
    plane = Plane.of(Atoms(symbols, frame.positions[0]))
    target, what = _target(dataset, frame, plane.points)
    predicted = predict(model, frame)
    basis, names = dataset.basis.stretched(symbols, predicted["logarithms"][0])
    found = density_difference(basis, names, frame.positions[0], predicted["coefficients"][0], plane.points)
    called = style.names([length, *dataset.lengths], name)[length]
    pictures = {what: target, "model": found, f"model − {what}": found - target}
    _draw(plane, pictures, out, f"{called}, {frame.names[0]}")


def _target(dataset: Dataset, frame: FrameSet, points: Array) -> tuple[Array, str]:
    """Return the density difference (P,) of a single frame that the model is held against, e/Å^3, and its name."""
    if len(frame.density_matrix) and "study" in dataset.meta:
        density = dft_density(frame, Reference(**dataset.meta["study"]["reference"]), points)
        return density - dataset.free_atoms.density(frame.symbols, frame.positions[0], points), "DFT"
    fit = density_difference(dataset.basis, frame.symbols, frame.positions[0], frame.coefficients[0], points)
    return fit, "fit to DFT"


def dft_density(frame: FrameSet, reference: Reference, points: Array) -> Array:
    """Return the DFT density (P,) of a single frame with a density matrix, e/Å^3.

    Parameters
    ----------
    frame
        The frame.
    reference
        Level of theory of its density matrix.
    points
        (P, 3) Å.
    """
    from pyscf import lib

    from densnet.reference.grid_errors import orbital_densities
    from densnet.reference.method import molecule

    mol = molecule(Atoms(frame.symbols, frame.positions[0]), reference)
    grid = SimpleNamespace(coords=points / Bohr, weights=np.ones(len(points)))
    return orbital_densities(mol, grid, lib.unpack_tril(frame.density_matrix[0].astype(float)))[0] / Bohr**3


@dataclass(frozen=True)
class Plane:
    """The plane through the centre of mass that leaves the least mass beside it.

    Attributes
    ----------
    atoms
        The molecule, with x and y in the plane and z the distance from it, Å.
    axes
        (3, 3) rows x, y and z in the original frame.
    origin
        (3,) centre of mass, Å.
    spacing
        Å between points.
    """

    atoms: Atoms
    axes: Array
    origin: Array
    spacing: float

    @classmethod
    def of(cls, atoms: Atoms) -> Plane:
        """Return the plane of a molecule, its longest axis first."""
        origin, roots = atoms.get_center_of_mass(), np.sqrt(atoms.get_masses())[:, None]
        axes = np.linalg.svd((atoms.positions - origin) * roots)[2]
        # The sign of a principal axis is free; fixed, the same molecule always gives the same picture.
        axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
        turned = Atoms(atoms.numbers, (atoms.positions - origin) @ axes.T)
        width, height = np.ptp(turned.positions[:, :2], axis=0) + 2 * MARGIN
        return cls(turned, axes, origin, float(np.sqrt(width * height / POINTS)))

    @property
    def ticks(self) -> tuple[Array, Array]:
        """Coordinates of the points along x and along y, Å."""
        low, high = (extreme(self.atoms.positions[:, :2], axis=0) for extreme in (np.min, np.max))
        x, y = (np.arange(a - MARGIN, b + MARGIN, self.spacing) for a, b in zip(low, high, strict=True))
        return x, y

    @property
    def points(self) -> Array:
        """Points of the slice (rows of constant y) in the original frame, (P, 3) Å."""
        x, y = np.meshgrid(*self.ticks)
        return self.origin + np.stack([x.ravel(), y.ravel()], axis=1) @ self.axes[:2]


def _draw(plane: Plane, values: dict[str, Array], out: Path, title: str) -> None:
    x, y = plane.ticks
    ratio = len(x) / len(y)
    rows, columns = (3, 1) if ratio > WIDE else (1, 3)
    height = 0.7 + (3 * 6.2 / ratio if rows == 3 else 2.2 / ratio + 0.6)
    target, _, error = values.values()
    limits = [scale(target)] * 2 + [scale(error)]
    with style.figure(out, rows, columns, height=height, sharex=True, sharey=True) as (figure, axes):
        pictures = []
        for axis, limit, (called, value) in zip(axes.flat, limits, values.items(), strict=True):
            pictures.append(
                axis.imshow(
                    value.reshape(len(y), len(x)), origin="lower", extent=(x[0], x[-1], y[0], y[-1]), cmap="RdBu_r",
                    vmin=-limit, vmax=limit, interpolation="bilinear",
                )
            )  # fmt: skip
            _skeleton(axis, plane.atoms)
            axis.set_title(called)
            axis.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
        side = "right" if rows == 3 else "bottom"
        for part, picture in ((axes.flat[:2], pictures[0]), (axes.flat[2:], pictures[2])):
            bar = figure.colorbar(
                picture, ax=list(part), location=side, extend="both", aspect=40, pad=0.02, shrink=0.8, format=_number
            )
            bar.set_label("e Å$^{-3}$", fontsize=8)
            narrow = side == "bottom" and len(part) == 1
            bar.set_ticks(picture.norm.vmax * np.linspace(-1, 1, 3 if narrow else 5))
        figure.supylabel("y / Å", fontsize=9)
        figure.supxlabel(f"x / Å   ({title})", fontsize=9)


def _number(value: float, _: int) -> str:
    return f"{value:g}".replace("-", "−")


def scale(values: Array) -> float:
    """Return a round number, 1, 2 or 5 times a power of ten, that `SHARE` percent of the values do not exceed."""
    limit = float(np.percentile(np.abs(values), SHARE))
    if limit == 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(limit))
    return float(next(step for step in (1, 2, 5, 10) if step * power >= limit) * power)


def _skeleton(axis: Axes, atoms: Atoms) -> None:
    """Draw bonds, and atoms other than carbon and hydrogen by their symbols."""
    x, y, z = atoms.positions.T
    for i, j in zip(*neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=1.15)), strict=True):
        if i < j:
            axis.plot(x[[i, j]], y[[i, j]], color="black", linewidth=0.5, alpha=0.6)
    for i, symbol in enumerate(atoms.get_chemical_symbols()):
        fill = "black" if abs(z[i]) < IN_PLANE else "white"
        axis.plot(x[i], y[i], "o", color="black", markerfacecolor=fill, markersize=1.8, markeredgewidth=0.5)
        if symbol not in ("C", "H"):
            axis.annotate(symbol, (x[i], y[i]), (3, 3), textcoords="offset points", fontsize=6.5)
