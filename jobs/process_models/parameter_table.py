"""The model's parameters as this package uses them: plain numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


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
