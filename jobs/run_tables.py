"""Read back tables that a run has written: data of anybody's by then."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.disk_errors import system_fault
from jobs.files import TEXT_LIMIT, OddFile, read_bytes

if TYPE_CHECKING:
    import pandas as pd


def read_run_table(
    path: Path,
    columns: Iterable[str] = (),
    numbers: Iterable[str] = (),
    **options: Any,
) -> pd.DataFrame:
    r"""Read a CSV file of a run, its size looked at before it is read.

    Parameters
    ----------
    path : Path
        The file, which is no link.
    columns : iterable of str
        Names that have to be there.
    numbers : iterable of str
        Names of columns that have to be there and hold numbers, or nothing.
    **options
        Of ``pandas.read_csv``.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OddFile
        If it is damaged: no such table.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "skill.csv")
    >>> _ = path.write_text("parameter,r2\nvmax,high\n")
    >>> read_run_table(path, numbers=["r2"])
    Traceback (most recent call last):
      ...
    jobs.files.OddFile: skill.csv: column r2 is not numbers
    """
    import pandas as pd

    content = read_bytes(path, TEXT_LIMIT)
    try:
        table = pd.read_csv(io.BytesIO(content), **options)
    except Exception as exc:  # whatever a damaged file makes of the reader
        if isinstance(exc, MemoryError) or system_fault(exc):
            raise
        raise OddFile(f"{path.name}: {str(exc)[:200]}") from exc
    wanted = [*columns, *numbers]
    if missing := [name for name in wanted if name not in table.columns]:
        raise OddFile(f"{path.name}: no column {', '.join(missing)}")
    for name in numbers:
        if len(table) and not pd.api.types.is_numeric_dtype(table[name]):
            raise OddFile(f"{path.name}: column {name} is not numbers")
    return table
