"""Observables against brute-force integration of the same density."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io.cube import read_cube_data
from ase.units import Bohr
from tests import toys

from densnet import observables
from densnet.errors import DataError, ModelError
from densnet.potential import electrostatic_potential


@pytest.fixture(scope="module")
def case():
    atoms = molecule("H2O")
    atoms.positions += [0.3, -0.2, 0.4]
    basis = toys.basis()
    symbols = atoms.get_chemical_symbols()
    coefficients = np.random.default_rng(4).normal(0, 0.02, basis.offsets(symbols)[-1])
    charges = basis.charges(symbols)
    coefficients -= charges * (charges @ coefficients) / (charges @ charges)
    return basis, toys.free_atoms(), symbols, atoms.positions, coefficients


@pytest.fixture(scope="module")
def grid():
    axis = np.arange(-9.0, 9.0, 0.225)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3), 0.225**3


def test_moments_are_those_of_the_density(case, grid):
    basis, prior, symbols, positions, coefficients = case
    points, volume = grid
    rho = observables.density(basis, prior, symbols, positions, coefficients, points)
    nuclear = np.array([toys.CHARGES[symbol] for symbol in symbols], float)
    assert rho.sum() * volume == pytest.approx(nuclear.sum(), abs=1e-4)
    assert observables.dipole(basis, symbols, positions, coefficients) == pytest.approx(
        nuclear @ positions - rho @ points * volume, abs=1e-4
    )
    second = (positions.T * nuclear) @ positions - (points.T * rho) @ points * volume
    found = observables.quadrupole(basis, prior, symbols, positions, coefficients)
    assert found == pytest.approx(second, abs=1e-3)
    assert np.trace(observables.traceless(found)) == pytest.approx(0, abs=1e-12)


def test_slices_do_not_show(case, monkeypatch):
    basis, _, symbols, positions, coefficients = case
    points = np.random.default_rng(1).normal(size=(50, 3))
    whole = observables.density_difference(basis, symbols, positions, coefficients, points)
    monkeypatch.setattr(observables, "SLICE", 7)
    sliced = observables.density_difference(basis, symbols, positions, coefficients, points)
    assert sliced == pytest.approx(whole, abs=1e-14)


def test_cube_file_holds_the_function(tmp_path):
    atoms = molecule("H2O")
    observables.write_cube(tmp_path / "a.cube", atoms, lambda r: np.exp(-np.sum(r**2, axis=1)), spacing=0.25)
    data, read = read_cube_data(str(tmp_path / "a.cube"))
    assert read.get_chemical_symbols() == ["O", "H", "H"]
    assert read.positions == pytest.approx(atoms.positions, abs=1e-5)
    # Summed in the file's own units, the Gaussian has its integral pi^(3/2), Å^3 here.
    assert data.sum() * (0.25 / Bohr) ** 3 == pytest.approx(np.pi**1.5, rel=1e-3)
    point = atoms.positions.min(axis=0) - 3.0 + np.array([3.0, 2.0, 2.5])
    assert data[12, 8, 10] / Bohr**3 == pytest.approx(np.exp(-point @ point), rel=1e-4)


@pytest.mark.parametrize(
    "points", [np.zeros((4, 1)), np.zeros(3), np.zeros((4, 2)), np.zeros((2, 2, 3)), [[0, 0, np.nan]]]
)
def test_points_of_another_shape_are_refused(case, points):
    basis, _, *rest = case
    for function, arguments in (
        (observables.density, case),
        (observables.density_difference, (basis, *rest)),
        (electrostatic_potential, case),
    ):
        with pytest.raises(ModelError, match=r"points must be finite and of shape \(P, 3\), in Å; got shape"):
            function(*arguments, points)


@pytest.mark.parametrize("box", [{"spacing": 0.002}, {"margin": 1e9}, {"margin": 1e300}])
def test_a_grid_that_nobody_can_store_is_refused(tmp_path, box):
    with pytest.raises(DataError, match=r"a\.cube: a grid of .* points.*--spacing .*--margin"):
        observables.write_cube(tmp_path / "a.cube", molecule("H2O"), lambda r: r[:, 0], **box)
    with pytest.raises(DataError, match=r"a\.cube: no atoms"):
        observables.write_cube(tmp_path / "a.cube", Atoms(), lambda r: r[:, 0])


def test_the_electrons_of_a_cube_file_are_said(tmp_path, caplog):
    def gaussian(points):
        return 2 * np.exp(-np.sum(points**2, axis=1)) / np.pi**1.5

    with caplog.at_level("INFO"):
        observables.write_cube(tmp_path / "a.cube", molecule("H2O"), gaussian, electrons=2)
        observables.write_cube(tmp_path / "b.cube", molecule("H2O"), gaussian, unit=27.2)  # not a density
        observables.write_cube(tmp_path / "c.cube", molecule("H2O"), gaussian, spacing=3.0, electrons=2)
    first, second = caplog.records
    assert "a.cube: the points hold 2.000 electrons of 2" in first.getMessage()
    assert "choose a smaller --spacing" in second.getMessage()
    assert second.levelname == "WARNING"
