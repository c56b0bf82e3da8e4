"""Priors of the calibrated parameters."""

from __future__ import annotations

from jobs.config.schema import Config
from jobs.process_models.parameter_table import parameters


def calibrated_parameters(config: Config) -> list[str]:
    """Return every parameter of any block, in the order of first mention."""
    blocks = config.calibration.blocks
    return list(dict.fromkeys(name for block in blocks for name in block.parameters))


def prior_bounds(config: Config) -> dict[str, tuple[float, float]]:
    """Return the prior of each calibrated parameter: the table's, or narrower."""
    table, narrowed = parameters(), config.calibration.bounds
    return {
        name: narrowed.get(name, (table[name].low, table[name].high))
        for name in calibrated_parameters(config)
    }
