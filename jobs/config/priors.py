"""Priors of the calibrated parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.config.process_model import model_of
from jobs.config.schema import Config

if TYPE_CHECKING:
    import masm


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


def priors_of(config: Config) -> masm.Priors:
    """Return the priors: those of the model's table, or the configuration's bounds.

    Bounds of the configuration make a prior uniform. A parameter of the table without
    a prior of its own is uniform between the table's bounds.
    """
    from masm import Prior, Priors, TransformedNormal, Uniform

    priors: dict[str, Prior] = {}
    table, narrowed = model_of(config).parameters, config.calibration.bounds
    for name, (low, high) in prior_bounds(config).items():
        row = table[name]
        default = min(max(row.default, low), high)
        if row.prior is None or name in narrowed:
            priors[name] = Uniform(low, high, default=default, units=row.unit)
        else:
            priors[name] = TransformedNormal(
                low,
                high,
                default=default,
                units=row.unit,
                center=row.prior.center,
                scale=row.prior.scale,
                transform=row.prior.transform,
            )
    return Priors(priors)
