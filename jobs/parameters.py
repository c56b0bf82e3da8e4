"""The model's parameters as this package uses them: plain numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jobs.config import Config


@dataclass(frozen=True)
class Parameter:
    """A row of the model's parameter table.

    Attributes
    ----------
    default, low, high : float
        In the parameter's unit.
    unit, description : str
        For labels; the unit of a plain number is "1".
    """

    default: float
    low: float
    high: float
    unit: str
    description: str


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


@cache
def parameters() -> dict[str, Parameter]:
    """Return every parameter of the model by its id, in the table's order."""
    from ibis_dalec.parameters import parameter_table

    return {
        str(name): Parameter(
            float(row["default"]),
            float(row["min"]),
            float(row["max"]),
            "1" if row["unit"] in ("", "-") else str(row["unit"]),
            str(row["description"]),
        )
        for name, row in parameter_table().iterrows()
    }
