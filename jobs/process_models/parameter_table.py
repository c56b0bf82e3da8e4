"""Parameter tables of process models as rows of an adapter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from jobs.process_models.base import Parameter

if TYPE_CHECKING:
    import pandas as pd


def unit_of(text: Any) -> str:
    """Return a unit as adapters state it; that of a plain number is "1".

    Examples
    --------
    >>> unit_of("-"), unit_of("g m-2")
    ('1', 'g m-2')
    """
    return "1" if text in ("", "-") else str(text)


def rows_of(
    table: pd.DataFrame, default: str = "default"
) -> Iterator[tuple[str, Parameter]]:
    """Yield each row of a table with its id.

    Parameters
    ----------
    table : pandas.DataFrame
        By id: min, max, unit and description.
    default : str
        Column of the default.
    """
    for name, row in table.iterrows():
        yield (
            str(name),
            Parameter(
                float(row[default]),
                float(row["min"]),
                float(row["max"]),
                unit_of(row["unit"]),
                str(row["description"]),
            ),
        )
