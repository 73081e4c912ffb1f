"""Errors a user can act on. Each message names the key, file or frame and says what to do."""


class DensnetError(Exception):
    """Base of all errors that are reported as one line, without a traceback."""


class ConfigError(DensnetError):
    """A study that cannot be run as written."""


class CalculationError(DensnetError):
    """The quantum-chemical reference cannot be computed."""


class ConvergenceError(CalculationError):
    """A self-consistent field that no rung of the ladder brought to convergence."""


class DataError(DensnetError):
    """A data file that is damaged, incomplete or of another study."""


class StorageError(DensnetError):
    """A file that cannot be written because there is no room for it."""


class ModelError(DensnetError):
    """A model file that cannot be used, or a structure outside what the model knows."""


class SimulationError(DensnetError):
    """Dynamics that left the domain in which it means anything."""
