"""A table of sample pixels as Parquet or CSV, with the unit of each column."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from upscale.errors import InputError
from upscale.files import replacing


def write_samples(
    path: str | Path, table: pd.DataFrame, units: Mapping[str, str] | None = None
) -> None:
    """Write a table beside its target, then put it in place.

    Parameters
    ----------
    path : path
        ``.parquet``: units are in the metadata of each column. ``.csv``: they are
        in a file of the same name that ends in ``.units.json``.
    table : pandas.DataFrame
        One row for each pixel; its index becomes the first column.
    units : mapping, optional
        Column to unit.

    Examples
    --------
    >>> import pandas as pd, upscale
    >>> table = pd.DataFrame({"vmax": [3e-5]}, index=pd.Index([7], name="pixel"))
    >>> upscale.write_samples("samples.csv", table, {"vmax": "mol m-2 s-1"})
    >>> pd.read_csv("samples.csv").columns.tolist()
    ['pixel', 'vmax']
    """
    path = Path(path)
    units = dict(units or {})
    unknown = set(units) - set(map(str, table.columns))
    if unknown:
        raise InputError(
            f"{path}: units of {sorted(unknown)[0]}", "no such column", "a column"
        )
    flat = table.reset_index() if table.index.name else table
    if path.suffix == ".parquet":
        with replacing(path) as aside:
            _write_parquet(aside, flat, units)
    elif path.suffix == ".csv":
        with replacing(path.with_suffix(".units.json")) as aside:
            aside.write_text(json.dumps(units, indent=1) + "\n", encoding="utf-8")
        with replacing(path) as aside:
            flat.to_csv(aside, index=False)
    else:
        raise InputError(str(path), f"suffix {path.suffix!r}", ".parquet or .csv")


def _write_parquet(path: Path, table: pd.DataFrame, units: Mapping[str, str]) -> None:
    import pyarrow
    from pyarrow import parquet

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    fields = [
        field.with_metadata({"units": units[field.name]})
        if field.name in units
        else field
        for field in arrow.schema
    ]
    schema = pyarrow.schema(fields, metadata=arrow.schema.metadata)
    parquet.write_table(arrow.cast(schema), path)
