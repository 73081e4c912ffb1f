"""Training of the two networks by one loop."""

from densnet.training.density import train_density
from densnet.training.energy import train_energy

__all__ = ["train_density", "train_energy"]
