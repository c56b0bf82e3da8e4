"""Management events: what they may be, and where they fall (specification, 9)."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.sipnet.errors import InputError
from landmodels.sipnet.options import Options
from landmodels.sipnet.physics import constants
from landmodels.sipnet.physics.records import EVENT_RECORD
from landmodels.sipnet.tables import read_table

NUMBERS = ("a", "b", "c", "d")
_LARGE = 1e6


@dataclass(frozen=True)
class Kind:
    """A kind of event: its number in the kernel, its numbers and their limits."""

    code: int
    names: tuple[str, ...]
    highest: float


#: Kinds by the program's names. Every number is at least 0.
KINDS = {
    "irrig": Kind(constants.IRRIGATION, ("amount (cm)", "method (0 or 1)"), _LARGE),
    "plant": Kind(
        constants.PLANTING,
        ("leaf", "wood", "fine root", "coarse root (g C m-2)"), _LARGE,
    ),
    "harv": Kind(
        constants.HARVEST,
        ("removed above", "removed below", "transferred above", "transferred below"),
        1.0,
    ),
    "fert": Kind(
        constants.FERTILISER,
        ("organic N", "organic C", "mineral N (g m-2)"), _LARGE,
    ),
    "till": Kind(constants.TILLAGE, ("effect",), _LARGE),
    "leafon": Kind(constants.LEAF_ON, (), 0.0),
    "leafoff": Kind(constants.LEAF_OFF, (), 0.0),
}  # fmt: skip


def read_events(path: str | os.PathLike[str], run: str | None = None) -> pd.DataFrame:
    r"""Read a table of events.

    Parameters
    ----------
    path : path-like
        csv with columns year, day, kind and a, b, c, d, the numbers of the kind in
        the order of the specification's section 9.
    run : str, optional
        Keep only the rows with this value in column ``run``.

    Returns
    -------
    pandas.DataFrame
        To be passed as ``events`` of `simulate`.

    Raises
    ------
    InputError
        If the file cannot be read or a column is missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from landmodels.sipnet.events import read_events
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "events.csv"
    ...     _ = path.write_text("year,day,kind,a,b\n2016,92,irrig,2.8,1")
    ...     len(read_events(path))
    1
    """
    table = read_table(path, "a table of events")
    wanted = ["year", "day", "kind"] + (["run"] if run is not None else [])
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise InputError(
            str(path), found=f"no column {', '.join(missing)}",
            wanted="columns year, day, kind, a, b, c, d",
        )  # fmt: skip
    if run is not None:
        table = table[table["run"] == run].drop(columns="run")
    return table.reset_index(drop=True)


def event_records(
    events: pd.DataFrame | Sequence[Mapping[str, Any]] | None,
    sites: Mapping[str, xr.Dataset],
    options: Options,
    leaf_days: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Events as the kernel takes them: records, and where those of a site start.

    ``leaf_days`` says whether a lane has a day of leaf-on or leaf-off.
    """
    n_sites = len(sites)
    if events is None:
        return np.zeros(0, dtype=EVENT_RECORD), np.zeros(n_sites + 1, dtype=np.int64)
    table = _table(events, sites)
    records, starts = [], [0]
    for name, site in sites.items():
        rows = (
            table if "site" not in table else table[table["site"].astype(str) == name]
        )
        records.append(_site_records(rows, site, options, leaf_days))
        starts.append(starts[-1] + len(rows))
    return np.concatenate(records), np.array(starts, dtype=np.int64)


def _table(events, sites: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """The events as a table whose columns are known."""
    table = events if isinstance(events, pd.DataFrame) else pd.DataFrame(list(events))
    if len(table) == 0:
        return pd.DataFrame({"year": [], "day": [], "kind": []})
    allowed = ("year", "day", "kind", "site", *NUMBERS)
    missing = [name for name in allowed[:3] if name not in table.columns]
    extra = [str(name) for name in table.columns if name not in allowed]
    if missing or extra:
        raise InputError(
            "events", found=f"columns {', '.join(map(str, table.columns))}",
            wanted="year, day, kind, the numbers a to d, and site if they differ",
        )  # fmt: skip
    if "site" in table:
        unknown = sorted(set(table["site"].astype(str)) - set(sites))
        if unknown:
            raise InputError(
                "events.site", found=", ".join(unknown),
                wanted="any of " + ", ".join(sites),
            )  # fmt: skip
    return table


def _site_records(rows, site, options: Options, leaf_days: bool) -> np.ndarray:
    """Checked events of one site, in order of steps."""
    records = np.zeros(len(rows), dtype=EVENT_RECORD)
    dates: dict[tuple[float, float], int] = {}
    for t, date in enumerate(zip(site["year"].values, site["day"].values, strict=True)):
        dates.setdefault(date, t)
    before = -1
    for i, (_, row) in enumerate(rows.iterrows()):
        where = f"events, number {i + 1} ({row['kind']}, {row['year']} {row['day']})"
        kind = _kind(row["kind"], where)
        step = dates.get((row["year"], row["day"]))
        if step is None:
            raise InputError(
                where, found="a date without a driver record",
                wanted=f"a date from {_date(site, 0)} to {_date(site, -1)}",
                hint="Leave out events before and after the run.",
            )  # fmt: skip
        if step < before:
            raise InputError(
                where, found="an event before the one above it",
                wanted="events in order of time",
            )  # fmt: skip
        before = step
        numbers = _numbers(row, kind, where)
        _check_kind(str(row["kind"]), numbers, where)
        if row["kind"] in ("leafon", "leafoff"):
            _check_phenology(options, leaf_days, where)
        records[i] = (step, kind.code, *numbers)
    return records


def _date(site: xr.Dataset, step: int) -> str:
    return f"{site['year'].values[step]:g} {site['day'].values[step]:g}"


def _kind(name: Any, where: str) -> Kind:
    if name not in KINDS:
        close = difflib.get_close_matches(str(name), list(KINDS), 1)
        raise InputError(
            where, found=f"kind {name!r}", wanted="any of " + ", ".join(KINDS),
            hint=f"Did you mean {close[0]!r}?" if close else None,
        )  # fmt: skip
    return KINDS[name]


def _numbers(row, kind: Kind, where: str) -> list[float]:
    """The kind's numbers, then zeros; a number too many or too few is refused."""
    try:
        given = [float(row.get(name, np.nan)) for name in NUMBERS]
    except (TypeError, ValueError) as exc:
        raise InputError(where, found=str(exc), wanted="numbers") from exc
    n = len(kind.names)
    if not all(np.isfinite(given[:n])) or not all(np.isnan(given[n:])):
        raise InputError(
            where, found=f"numbers {', '.join(f'{g:g}' for g in given)}",
            wanted=f"{n} numbers" + (": " + ", ".join(kind.names) if n else ""),
        )  # fmt: skip
    for value, name in zip(given, kind.names, strict=False):
        if not 0.0 <= value <= kind.highest:
            raise InputError(
                f"{where}  {name}", found=f"{value:g}",
                wanted=f"0 to {kind.highest:g}",
            )  # fmt: skip
    return given[:n] + [0.0] * (len(NUMBERS) - n)


def _check_kind(kind: str, numbers: list[float], where: str) -> None:
    if kind == "irrig" and numbers[1] not in (0.0, 1.0):
        raise InputError(
            f"{where}  method", found=f"{numbers[1]:g}",
            wanted="0 (on the canopy) or 1 (on the soil)",
        )  # fmt: skip
    if kind == "harv":
        for pair, name in ((numbers[::2], "above"), (numbers[1::2], "below")):
            if sum(pair) > 1.0 + 1e-12:
                raise InputError(
                    f"{where}  removed and transferred {name}",
                    found=f"{pair[0]:g} + {pair[1]:g}", wanted="together at most 1",
                )  # fmt: skip


def _check_phenology(options: Options, leaf_days: bool, where: str) -> None:
    if options.phenology != "calendar" or leaf_days:
        raise InputError(
            where,
            found=f"phenology {options.phenology!r}"
            + (" and a leafOnDay or leafOffDay" if leaf_days else ""),
            wanted="phenology 'calendar' with leafOnDay and leafOffDay 0",
            hint="Leaves come and fall either by events or by a trigger.",
        )
