"""Training of the two networks by one loop."""

from densnet.training.density import train_density
from densnet.training.energy import train_energy
from densnet.training.grid import train_grid
from densnet.training.joint import train_joint
from densnet.training.task import Task

__all__ = ["Task", "train_density", "train_energy", "train_grid", "train_joint"]
