"""Small stand-ins shared by tests: an untrained model whose networks are not zero."""

import numpy as np
import torch

from densnet.basis import AuxiliaryBasis
from densnet.config import DensityNetworkSettings, EnergyNetworkSettings
from densnet.gaussians import Shell
from densnet.models.densnet import DenSNet
from densnet.prior import FreeAtom, FreeAtoms

CHARGES = {"H": 1, "C": 6, "O": 8}


def basis():
    momenta = {"H": (0, 0, 1), "C": (0, 0, 0, 1, 1, 2), "O": (0, 0, 0, 1, 1, 2)}
    shells = {
        symbol: tuple(Shell(l, (0.4 * 1.5**k, 0.5 * 1.5**k), (0.6, 0.4)) for k, l in enumerate(ls))
        for symbol, ls in momenta.items()
    }
    return AuxiliaryBasis(shells, "toy")


def free_atoms():
    atoms = {symbol: FreeAtom(symbol, -0.5 * z**2, (0, 2), (1.5, 2.0), _two_terms(z)) for symbol, z in CHARGES.items()}
    return FreeAtoms(atoms, {})


def _two_terms(z):
    """Coefficients of exp(-1.5 r^2) and r^2 exp(-2 r^2) with 0.75 z and 0.25 z electrons."""
    return 0.75 * z / (np.pi / 1.5) ** 1.5, 0.25 * z / (1.5 / 2.0 * (np.pi / 2.0) ** 1.5)


SMALL = {
    "gaunt": DensityNetworkSettings(irreps="8x0e+4x1o+2x2e", layers=1, cutoff=4.0, radial=6, radial_hidden=8),
    "phisnet": DensityNetworkSettings(trunk="phisnet", irreps="6x0e+6x1o+6x2e", layers=2, cutoff=4.0, radial=6),
}


KINDS = [*SMALL, "flexible"]


def energy(network, **settings):
    """Return an energy network as large as another network."""
    return EnergyNetworkSettings(**network.model_dump() | settings)


def model(seed=0, kind="gaunt", **settings):
    """Return a model with random weights in every layer (untrained networks start at zero).

    Settings are those in which the energy network differs from the density network.
    """
    torch.manual_seed(seed)
    size = SMALL["gaunt" if kind == "flexible" else kind]
    made = DenSNet.create(basis(), free_atoms(), size, energy(size, **settings))
    if kind == "flexible":
        made.density.make_flexible()
    with torch.no_grad():
        for parameter in made.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.05)
    return made.requires_grad_(False).eval()


def normalise(*networks):
    """Set, as training does, the whitening of networks, and the shift and the scale of an energy network."""
    for network in networks:
        for element, shells in enumerate(network.layout.spec.values()):
            mixed = [torch.randn(mul, mul).double() + 3 * torch.eye(mul) for mul in shells.values()]
            blocks = [torch.kron(one, torch.eye(2 * l + 1)) for l, one in zip(shells, mixed, strict=True)]
            mean = torch.zeros(int(network.layout.sizes[element])).double()
            mean[: shells.get(0, 0)].normal_()
            network.whitening.set(element, mean, torch.block_diag(*blocks))
        if hasattr(network, "shift"):
            network.shift.normal_()
            network.scale.fill_(1.7)
