"""The small tables of a pixel, of which a report reads thousands.

They are read by pyarrow, which takes a fifth of pandas' time for each, and by pandas
where pyarrow is not installed. Both give the same columns, types and values.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.files import TEXT_LIMIT, OddFile, read_bytes

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_WORDS = ("stream", "period", "parameters")
_NUMBERS = (
    "observed", "observed_sd", "default", "calibrated", "r", "rmse", "ae", "diso", "r2",
)  # fmt: skip
_WRITTEN = {
    "comparison": ("stream", "period", "time", "observed", "default", "calibrated"),
    "scores": ("stream", "period", "parameters", "r", "rmse", "ae", "diso"),
}
"""Columns of a pixel's tables that are used here."""


def read_table(path: Path, kind: str, streams: Iterable[str]) -> Any:
    """Read a pixel's table; None if there is none, or it is damaged.

    Parameters
    ----------
    path : Path
    kind : {"comparison", "scores"}
    streams : iterable of str
        Those of the run; no other may be there.

    Returns
    -------
    pyarrow.Table or pandas.DataFrame or None
        For `with_pixel`, `joined` and `as_frame`.
    """
    try:
        found = _parsed(read_bytes(path, TEXT_LIMIT))
        names = [str(name) for name in _names(found)]
        if missing := set(_WRITTEN[kind]) - set(names):
            raise OddFile(f"no column {', '.join(sorted(missing))}")
        if odd := set(found["stream"].unique().tolist()) - set(streams):
            raise OddFile(f"no stream of the run: {odd.pop()}"[:80])
        return found
    except FileNotFoundError:
        return None
    except (OddFile, ValueError, KeyError) as exc:  # pyarrow's errors are of these
        logger.warning("%s is damaged and left out: %s", path.name, exc)
        return None


def with_pixel(table: Any, pixel_id: int) -> Any:
    """Return a table with the column ``pixel`` first, if it has none."""
    if "pixel" in _names(table):
        return table
    if not _has_pyarrow():
        table.insert(0, "pixel", np.full(len(table), pixel_id))
        return table
    import pyarrow as pa

    return table.add_column(0, "pixel", pa.array(np.full(table.num_rows, pixel_id)))


def joined(tables: Sequence[Any]) -> Any:
    """Return tables as one, in one piece: thousands of small ones take more memory."""
    if not _has_pyarrow():
        import pandas as pd

        return pd.concat(tables, ignore_index=True)
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def as_frame(tables: Sequence[Any]) -> pd.DataFrame:
    """Return tables as one of pandas; an empty one if there are none."""
    import pandas as pd

    if not tables:
        return pd.DataFrame()
    found = joined(tables)
    frame: pd.DataFrame = found.to_pandas() if _has_pyarrow() else found
    return frame  # equal words of pyarrow are one object


@cache
def _has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None


def _names(table: Any) -> Sequence[str]:
    return list(table.column_names if _has_pyarrow() else table.columns)


def _parsed(content: bytes) -> Any:
    if not _has_pyarrow():
        return _parsed_by_pandas(content)
    import pyarrow as pa
    from pyarrow import csv

    return csv.read_csv(pa.BufferReader(content), convert_options=_options())


def _parsed_by_pandas(content: bytes) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    for name in table.columns:
        text = table[name]
        if name in _NUMBERS:
            table[name] = text.where(text != "", "nan").astype("float64")
        elif name == "time":
            table[name] = pd.to_datetime(text).astype("datetime64[s]")
        elif name not in _WORDS:
            table[name] = _guessed(text)
    return table


def _guessed(text: pd.Series) -> pd.Series:
    """Return a column that is not used here as numbers, if it holds such."""
    import pandas as pd

    try:
        return pd.to_numeric(text.where(text != "", "nan"))
    except ValueError:
        return text


@cache
def _options() -> Any:
    import pyarrow as pa
    from pyarrow import csv

    kinds: dict[str, Any] = dict.fromkeys(_WORDS, pa.string())
    kinds |= dict.fromkeys(_NUMBERS, pa.float64()) | {"time": pa.timestamp("s")}
    return csv.ConvertOptions(column_types=kinds)
