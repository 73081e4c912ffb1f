"""Files of spectra with an answer: four bands, as dynamics or normal modes would give them."""

import numpy as np
from ase.build import molecule

from densnet.config import Spectra
from densnet.rigid import vibrational_space
from densnet.spectra import harmonic, lineshapes, trajectories

WIDTH = 40.0
SETTINGS = Spectra(fwhm=WIDTH)
WAVES, HEIGHTS = np.array([720.0, 1090.0, 1410.0, 3080.0]), np.array([90.0, 12.0, 25.0, 30.0])


def spectrum_file(folder, length, kind="md", shift=0.0, **extra):
    grid = trajectories.grid_of(SETTINGS)
    mean = lineshapes.broaden(WAVES + shift, length * HEIGHTS, grid, WIDTH)
    found = {
        "wavenumber": grid.tolist(), "mean": mean.tolist(), "standard_error": (0.1 * mean).tolist(), "fwhm": WIDTH,
        "length": length, "replicas": [{"temperature": 301.0, "picoseconds": 2.0}] * 2,
        "vibrational_density": {"mean": mean[::-1].tolist(), "standard_error": (0.1 * mean[::-1]).tolist()},
        "peaks": [{"position": 720.0, "height": 1.234567, "standard_error": 0.0312}],
    }  # fmt: skip
    trajectories.write(folder / f"{kind}_{length}.json", found | extra)
    return folder / f"{kind}_{length}.json"


def harmonic_file(folder, kind, length, shift=0.0, keep=4, **extra):
    atoms = molecule("CO2")  # four internal motions
    space = vibrational_space(atoms.positions, atoms.get_masses())
    modes = harmonic.Modes((WAVES + shift)[:keep], space.T.reshape(-1, 3, 3)[:keep], length * HEIGHTS[:keep])
    path = folder / f"{kind}_{length}.json"
    harmonic.write(path, harmonic.result(atoms, modes, method=kind, length=length, **extra))
    return path
