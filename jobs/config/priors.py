"""Priors of the calibrated parameters."""

from __future__ import annotations

from jobs.config.process_model import model_of
from jobs.config.schema import Config


def calibrated_parameters(config: Config) -> list[str]:
    """Return every parameter of any block, in the order of first mention."""
    blocks = config.calibration.blocks
    return list(dict.fromkeys(name for block in blocks for name in block.parameters))


def prior_bounds(config: Config) -> dict[str, tuple[float, float]]:
    """Return the prior of each calibrated parameter: the table's, or narrower."""
    table, narrowed = model_of(config).parameters, config.calibration.bounds
    return {
        name: narrowed.get(name, (table[name].low, table[name].high))
        for name in calibrated_parameters(config)
    }
