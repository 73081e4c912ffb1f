"""Normal modes against molecules whose answer is known on paper."""

import json

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule

from densnet.errors import DataError
from densnet.rigid import vibrational_space
from densnet.spectra import harmonic


def springs(atoms, constants):
    """Hessian (eV/Å²) of harmonic bonds at their natural length."""
    hessian = np.zeros((len(atoms), 3, len(atoms), 3))
    for (i, j), constant in constants.items():
        unit = atoms.positions[j] - atoms.positions[i]
        unit /= np.linalg.norm(unit)
        block = constant * np.outer(unit, unit)
        hessian[i, :, i] += block
        hessian[j, :, j] += block
        hessian[i, :, j] -= block
        hessian[j, :, i] -= block
    return hessian.reshape(3 * len(atoms), -1)


def charges(values):
    return np.kron(np.asarray(values, float)[:, None], np.eye(3))


def test_units_match_published_factors():
    assert pytest.approx(974.880, abs=2e-3) == harmonic.INTENSITY
    debye = harmonic.INTENSITY * units.Debye**2
    assert debye == pytest.approx(42.2561, abs=2e-4)


def test_diatomic():
    atoms = Atoms("HCl", [[0, 0, 0], [0.2, 0.6, 1.1]])
    modes = harmonic.normal_modes(
        springs(atoms, {(0, 1): 32.0}), charges([0.2, -0.2]), atoms.positions, atoms.get_masses()
    )
    m = atoms.get_masses()
    reduced = m[0] * m[1] / m.sum()
    omega = np.sqrt(32.0 * units._e * 1e20 / (reduced * units._amu))
    assert modes.frequencies == pytest.approx([omega / (200 * np.pi * units._c)], rel=1e-10)
    assert modes.intensities == pytest.approx([974.880 * 0.04 / reduced], rel=1e-5)
    assert modes.vectors.shape == (1, 2, 3)


def test_linear_molecule_keeps_one_more_mode():
    atoms = molecule("CO2")
    assert vibrational_space(atoms.positions, atoms.get_masses()).shape == (9, 4)
    water = molecule("H2O")
    assert vibrational_space(water.positions, water.get_masses()).shape == (9, 3)


def test_rotations_do_not_leak_into_the_modes():
    # Away from a minimum the raw Hessian has rotational eigenvalues; adding one must not change the vibrations.
    atoms = molecule("CH4")
    mass = atoms.get_masses()
    hessian = springs(atoms, {(0, i): 30.0 for i in range(1, 5)} | {(1, 2): 3.0, (3, 4): 3.0, (2, 3): 2.0})
    turn = (np.cross([0.3, 0.5, -0.2], atoms.positions - atoms.get_center_of_mass()) * mass[:, None]).ravel()
    dipoles = charges([-0.4, 0.1, 0.1, 0.1, 0.1])
    clean = harmonic.normal_modes(hessian, dipoles, atoms.positions, mass)
    spoilt = harmonic.normal_modes(hessian + 0.5 * np.outer(turn, turn), dipoles, atoms.positions, mass)
    assert spoilt.frequencies == pytest.approx(clean.frequencies, abs=1e-3)
    assert len(clean.frequencies) == 9


def test_unstable_mode_is_negative_and_hessian_round_trips():
    atoms = molecule("H2O")
    mass = atoms.get_masses()
    hessian = springs(atoms, {(0, 1): 40.0, (0, 2): 40.0, (1, 2): -4.0})
    modes = harmonic.normal_modes(hessian, charges([-0.6, 0.3, 0.3]), atoms.positions, mass)
    assert modes.frequencies[0] < 0 < modes.frequencies[1]
    assert harmonic.hessian_of(modes, mass) == pytest.approx(hessian, abs=1e-9)


def test_active_modes_carry_what_was_asked():
    modes = harmonic.Modes(np.arange(5.0), np.zeros((5, 2, 3)), np.array([1.0, 50.0, 5.0, 40.0, 4.0]))
    assert harmonic.active_modes(modes, 0.90, 40).tolist() == [1, 3]
    assert harmonic.active_modes(modes, 0.91, 40).tolist() == [1, 2, 3]
    assert harmonic.active_modes(modes, 1.0, 2).tolist() == [1, 3]
    assert harmonic.active_modes(modes, 1.0, 40).tolist() == [0, 1, 2, 3, 4]


def test_file_round_trip_and_damage(tmp_path):
    atoms = molecule("H2O")
    modes = harmonic.normal_modes(
        springs(atoms, {(0, 1): 40.0, (0, 2): 40.0, (1, 2): 4.0}), charges([-0.6, 0.3, 0.3]), atoms.positions,
        atoms.get_masses(),
    )  # fmt: skip
    path = tmp_path / "modes.json"
    harmonic.write(path, harmonic.result(atoms, modes, method="springs", length=1))
    values = harmonic.read(path)
    assert values["length"] == 1
    assert harmonic.modes_of(values).frequencies == pytest.approx(modes.frequencies, abs=1e-4)
    assert harmonic.modes_of(values).vectors == pytest.approx(modes.vectors, abs=1e-8)
    assert values["units"] == {
        "positions": "Angstrom", "frequencies": "cm^-1", "intensities": "km/mol",
        "modes": "1, orthonormal in mass-weighted coordinates",
    }  # fmt: skip
    old = json.loads(path.read_text())
    del old["units"]
    path.write_text(json.dumps(old))
    assert harmonic.read(path)["symbols"] == ["O", "H", "H"]
    path.write_text(path.read_text()[:200])
    with pytest.raises(DataError, match=r"modes\.json"):
        harmonic.read(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"wavenumber": [400]}', "no 'positions'"),
        (b"[]", "list indices"),
        (b"\x89HDF", "invalid start byte"),
        (
            b'{"symbols": ["H"], "positions": [[0, 0, 0]], "frequencies": [], "intensities": [], "modes": ["a"]}',
            "could not convert",
        ),
        (
            b'{"symbols": ["H"], "positions": [[0, 0, 0]], "frequencies": [], "intensities": [], "masses": [1, 1]}',
            r"of 1 atoms and 0 modes, but masses \(2,\)",
        ),
        (
            b'{"symbols": ["H"], "positions": [[0, 0, 0]], "frequencies": [], "intensities": [], "masses": "heavy"}',
            "could not convert",
        ),
        (
            b'{"symbols": ["H"], "positions": [[0, 0, 0]], "frequencies": [1], "intensities": []}',
            r"intensities \(0,\)",
        ),
        (
            b'{"symbols": ["H"], "positions": [[0, 0, 0]], "frequencies": [1], "intensities": [1], "modes": [[1]]}',
            r"modes \(1, 1\)",
        ),
        (b'{"symbols": ["Qq"], "positions": [[0, 0, 0]], "frequencies": [], "intensities": []}', "'Qq'"),
    ],
)
def test_a_wrong_file_is_not_to_be_deleted(tmp_path, content, words):
    (tmp_path / "wrong.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"wrong\.json: not a harmonic result \(.*{words}.*densnet harmonic") as caught:
        harmonic.read(tmp_path / "wrong.json")
    assert "delete" not in str(caught.value)
