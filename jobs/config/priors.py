"""Priors of the calibrated parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.config.process_model import model_of
from jobs.config.schema import Config
from jobs.config.traits import read_traits

if TYPE_CHECKING:
    import masm
    from masm.hierarchical import TraitPrior


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


def traits_of(config: Config) -> dict[str, TraitPrior]:
    """Return what measured traits say of parameters; nothing without a table."""
    if config.calibration.traits is None:
        return {}
    path = config.folder / config.calibration.traits
    return read_traits(path, model_of(config).parameters)


def priors_of(config: Config) -> masm.Priors:
    """Return the priors: those of the model's table, or the configuration's bounds.

    Bounds of the configuration make a prior uniform. A parameter of the table without
    a prior of its own is uniform between the table's bounds. What measured traits say
    comes first; bounds cut it.

    Raises
    ------
    ConfigError
        If there is a table of traits that cannot be used.
    """
    from masm import Prior, Priors, TransformedNormal, TruncatedNormal, Uniform

    priors: dict[str, Prior] = {}
    table, narrowed = model_of(config).parameters, config.calibration.bounds
    traits = traits_of(config)
    for name, (low, high) in prior_bounds(config).items():
        row = table[name]
        default = min(max(row.default, low), high)
        if name in traits:
            priors[name] = TruncatedNormal(
                low, high, default=default, units=row.unit,
                mean=traits[name].mean, sd=traits[name].sd,
            )  # fmt: skip
        elif row.prior is None or name in narrowed:
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
