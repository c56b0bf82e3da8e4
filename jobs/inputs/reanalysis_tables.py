"""The tables of a reanalysis: sites, observations, initial pools, draws.

Each is read as text, so that a message can name the line and the value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.place_checks import place_fault
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import OddFile, read_text

if TYPE_CHECKING:
    from jobs.process_models.base import AnalysedState
    from jobs.run.reanalysis_run import CycleDates

Array = NDArray[np.float64]

_SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MOST = 8
"""Problems of one table that are printed; the rest is counted."""


@dataclass(frozen=True)
class Sites:
    """Where the sites are.

    Attributes
    ----------
    names : list of str
    longitude, latitude : (n_sites,), degrees
    ground : dict of str to (n_sites,)
        ``elevation`` (m), ``sand`` and ``clay`` (%), where the table has them.
    """

    names: list[str]
    longitude: Array
    latitude: Array
    ground: dict[str, Array]


@dataclass(frozen=True)
class Observations:
    """Observations by analysis.

    Attributes
    ----------
    value, sd : (n_analyses, n_sites, n_states)
        NaN where nothing was observed.
    n_used, n_low_quality : int
        Rows that count, and rows left out for their quality.
    """

    value: Array
    sd: Array
    n_used: int
    n_low_quality: int


class _Table:
    """Rows of a CSV file with their line numbers; collects problems."""

    def __init__(self, path: Path, wanted: Sequence[str]):
        self.path = path
        self.problems: list[Problem] = []
        self.columns, self.rows = _rows(path)
        lacking = [name for name in wanted if name not in self.columns]
        if lacking:
            raise ConfigError(
                Problem(
                    str(path),
                    f"no column {', '.join(lacking)}",
                    found=", ".join(self.columns),
                    wanted=", ".join(wanted),
                )
            )
        if not self.rows:
            raise ConfigError(Problem(str(path), "no rows", wanted="at least one"))

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        return iter(self.rows)

    def wrong(self, line: int, what: str, found: str, wanted: str, hint: str = ""):
        """Note a problem at a line."""
        self.problems.append(
            Problem(f"{self.path.name}:{line}", what, found, wanted, hint)
        )

    def number(
        self, line: int, row: dict[str, str], name: str, low=-np.inf, high=np.inf
    ) -> float:
        """A finite number in a range; NaN, and a problem, if it is none."""
        try:
            value = float(row[name])
        except ValueError:
            value = np.nan
        if np.isfinite(value) and low <= value <= high:
            return value
        wanted = "a number" + (f", at least {low:g}" if np.isfinite(low) else "")
        wanted += f" and at most {high:g}" if np.isfinite(high) else ""
        self.wrong(line, name, f'"{row[name]}"', wanted)
        return np.nan

    def done(self) -> None:
        """Raise what was found."""
        if self.problems:
            printed = self.problems[:_MOST]
            more = len(self.problems) - len(printed)
            if more:
                printed.append(Problem(str(self.path), f"and {more} more such lines"))
            raise ConfigError(printed)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        text = read_text(path, follow=True)
    except FileNotFoundError as exc:
        raise ConfigError(
            Problem(str(path), "no such file", wanted="an existing CSV table")
        ) from exc
    except (OddFile, UnicodeDecodeError) as exc:
        raise ConfigError(
            Problem(str(path), "cannot be read", found=str(exc), wanted="a CSV table")
        ) from exc
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    lines = [
        (reader.line_num, [cell.strip() for cell in cells])
        for cells in reader
        if any(cell.strip() for cell in cells) and not cells[0].startswith("#")
    ]
    if not lines:
        raise ConfigError(Problem(str(path), "an empty table", wanted="a header row"))
    _, columns = lines[0]
    if len(set(columns)) != len(columns):
        raise ConfigError(
            Problem(str(path), "a column twice", ", ".join(columns), "each once")
        )
    for line, cells in lines[1:]:
        if len(cells) != len(columns):
            raise ConfigError(
                Problem(
                    f"{path.name}:{line}",
                    "a row of another length",
                    found=f"{len(cells)} cells",
                    wanted=f"{len(columns)}, as in the header",
                )
            )
    return columns, [
        (line, dict(zip(columns, cells, strict=True))) for line, cells in lines[1:]
    ]


def read_sites(path: Path) -> Sites:
    """Read where the sites are.

    Raises
    ------
    ConfigError
        Naming lines: names twice or unfit for a file, coordinates that are none.
    """
    table = _Table(path, ("site", "longitude", "latitude"))
    names: list[str] = []
    ground = [name for name in ("elevation", "sand", "clay") if name in table.columns]
    values: dict[str, list[float]] = {
        name: [] for name in ("longitude", "latitude", *ground)
    }
    limits = {
        "longitude": (-180.0, 360.0),
        "latitude": (-90.0, 90.0),
        "elevation": (-500.0, 9000.0),
        "sand": (0.0, 100.0),
        "clay": (0.0, 100.0),
    }
    for line, row in table:
        name = row["site"]
        if not _SITE_NAME.fullmatch(name):
            table.wrong(line, "site", f'"{name}"', "letters, digits, _ . and -")
        elif name in names:
            table.wrong(line, "site", f'"{name}" a second time', "each site once")
        names.append(name)
        found = {key: table.number(line, row, key, *limits[key]) for key in values}
        for key, column in values.items():
            column.append(found[key])
        fault = place_fault(
            found["latitude"], found["longitude"], found.get("sand"), found.get("clay")
        )
        if fault is not None:
            table.wrong(line, fault.what, fault.found, fault.wanted, fault.hint)
    table.done()
    arrays = {key: np.array(column) for key, column in values.items()}
    return Sites(names, arrays.pop("longitude"), arrays.pop("latitude"), arrays)


def read_observations(
    path: Path,
    *,
    sites: Sequence[str],
    states: Sequence[str],
    cycles: Sequence[CycleDates],
    within_days: int,
    least_quality: float | None,
    analysed: Mapping[str, AnalysedState],
) -> Observations:
    """Read observations and give each to its analysis.

    Parameters
    ----------
    path : Path
        Columns site, date, state, value, sd and perhaps quality.
    sites, states : sequence of str
    cycles : sequence of CycleDates
    within_days : int
        An observation counts for the nearest analysis, if it is so near.
    least_quality : float, optional
        Rows with less are left out, and counted.
    analysed : mapping
        What the model offers, with its limits.

    Raises
    ------
    ConfigError
        Naming lines: a state that the model does not give or the filter does not
        have, a site that is not there, an sd that is zero or missing, a day far from
        any analysis, two observations of one state for one analysis.
    """
    needed = ["site", "date", "state", "value", "sd"]
    table = _Table(path, needed + (["quality"] if least_quality is not None else []))
    days = np.array([c.last for c in cycles if c.is_analysed], "datetime64[D]")
    shape = (len(days), len(sites), len(states))
    value, sd = np.full(shape, np.nan), np.full(shape, np.nan)
    place = {name: k for k, name in enumerate(sites)}
    lines: dict[tuple[int, int, int], int] = {}
    n_low = 0
    for line, row in table:
        if least_quality is not None:
            quality = table.number(line, row, "quality")
            if quality < least_quality:
                n_low += 1
                continue
        if row["state"] not in states:
            known = ", ".join(states)
            table.wrong(
                line,
                "state",
                f'"{row["state"]}", which '
                + (
                    "the filter does not correct"
                    if row["state"] in analysed
                    else "the model does not give"
                ),
                f"one of {known}",
                did_you_mean(row["state"], states),
            )
            continue
        if row["site"] not in place:
            table.wrong(
                line,
                "site",
                f'"{row["site"]}"',
                "a site of the table of sites",
                did_you_mean(row["site"], sites) if len(sites) < 50 else "",
            )
            continue
        when = _analysis_of(table, line, row["date"], days, within_days)
        one = table.number(line, row, "value", 0.0, analysed[row["state"]].highest)
        error = table.number(line, row, "sd")
        if error <= 0.0:
            table.wrong(line, "sd", row["sd"], "an sd above zero",
                        "Leave the row out if its error is not known.")  # fmt: skip
        if when is None:
            continue
        key = (when, place[row["site"]], list(states).index(row["state"]))
        if key in lines:
            table.wrong(line, "an observation twice",
                        f"{row['state']} of {row['site']} for the analysis of "
                        f"{days[when]}, as in line {lines[key]}",
                        "one value for each site, state and analysis")  # fmt: skip
        lines[key] = line
        value[key], sd[key] = one, error
    table.done()
    return Observations(value, sd, len(lines), n_low)


def _analysis_of(
    table: _Table, line: int, text: str, days: NDArray, within: int
) -> int | None:
    """Number of the nearest analysis, or a problem."""
    try:
        day = np.datetime64(date.fromisoformat(text))
    except ValueError:
        table.wrong(line, "date", f'"{text}"', "a date such as 2001-07-15")
        return None
    away = np.abs((days - day).astype(int))
    nearest = int(away.argmin())
    if away[nearest] > within:
        table.wrong(
            line,
            "date",
            f"{text}, {away[nearest]} days from the analysis of {days[nearest]}",
            f"at most {within} days from an analysis",
            "See observations.within_days, years and analysis_day.",
        )
        return None
    return nearest


def read_pools(
    path: Path,
    *,
    sites: Sequence[str],
    analysed: Mapping[str, AnalysedState],
) -> dict[str, tuple[Array, Array]]:
    """Read initial pools, mean and sd at each site.

    Returns
    -------
    dict of str to (mean, sd), (n_sites,) each

    Raises
    ------
    ConfigError
        Naming lines: a pool below zero, a site that lacks, columns that no state has.
    """
    table = _Table(path, ("site",))
    known = {"site", *analysed, *(f"{name}_sd" for name in analysed)}
    for name in table.columns:
        if name not in known:
            raise ConfigError(
                Problem(
                    str(path),
                    f"an unknown column {name}",
                    wanted=", ".join(sorted(known)),
                    hint=did_you_mean(name, known),
                )
            )
    pools = [name for name in analysed if name in table.columns]
    found: dict[str, tuple[Array, Array]] = {
        name: (np.full(len(sites), np.nan), np.zeros(len(sites))) for name in pools
    }
    place = {name: k for k, name in enumerate(sites)}
    seen: set[str] = set()
    for line, row in table:
        site = row["site"]
        if site not in place:
            continue  # the table may be of more sites
        if site in seen:
            table.wrong(line, "site", f'"{site}" a second time', "each site once")
        seen.add(site)
        for name in pools:
            mean, sd = found[name]
            mean[place[site]] = table.number(
                line, row, name, 0.0, analysed[name].highest
            )
            if f"{name}_sd" in table.columns:
                sd[place[site]] = table.number(line, row, f"{name}_sd", 0.0)
    lacking = [site for site in sites if site not in seen]
    if lacking:
        table.problems.append(
            Problem(
                str(path),
                f"no row for {len(lacking)} sites",
                found=f"not {', '.join(lacking[:5])}",
                wanted="a row for every site",
            )
        )
    table.done()
    return found


def read_draws(
    path: Path, *, sites: Sequence[str], n_members: int, known: Sequence[str]
) -> dict[str, Array]:
    """Read parameters of the members.

    Returns
    -------
    dict of str to (n_sites, n_members)

    Raises
    ------
    ConfigError
        Naming lines: a member or a site that is missing or given twice, an unknown
        parameter, a value that is no number.
    """
    table = _Table(path, ("member",))
    by_site = "site" in table.columns
    names = [name for name in table.columns if name not in ("member", "site")]
    for name in names:
        if name not in known:
            raise ConfigError(
                Problem(
                    str(path),
                    f"an unknown parameter {name}",
                    wanted="ids of the model's parameter table",
                    hint=did_you_mean(name, known),
                )
            )
    found = {name: np.full((len(sites), n_members), np.nan) for name in names}
    seen = np.zeros((len(sites), n_members), int)
    place = {name: k for k, name in enumerate(sites)}
    for line, row in table:
        if by_site and row["site"] not in place:
            continue
        number = table.number(line, row, "member", 0.0, 1e6)
        if not number < n_members:  # NaN, which is reported, or a member too many
            continue
        member = int(number)
        rows = place[row["site"]] if by_site else slice(None)
        seen[rows, member] += 1
        for name in names:
            found[name][rows, member] = table.number(line, row, name)
    bad = np.argwhere(seen != 1)
    if len(bad):
        site, member = bad[0]
        table.problems.append(
            Problem(
                str(path),
                f"member {member} of site {sites[site]}",
                found=f"{seen[site, member]} rows ({len(bad)} such in all)",
                wanted="one row for each member from 0"
                + (" and site" if by_site else ""),
            )
        )
    table.done()
    return found


def read_truth(
    path: Path, *, sites: Sequence[str], states: Sequence[str], days: NDArray
) -> Array:
    """Read the known states of a synthetic twin, (n_days, n_sites, n_states).

    What the table lacks is NaN.

    Raises
    ------
    ConfigError
        If a column lacks, or a value is no number.
    """
    table = _Table(path, ("site", "date", *states))
    found = np.full((len(days), len(sites), len(states)), np.nan)
    place = {name: k for k, name in enumerate(sites)}
    when = {str(day): k for k, day in enumerate(days)}
    for line, row in table:
        if row["site"] in place and row["date"] in when:
            for k, state in enumerate(states):
                value = table.number(line, row, state, 0.0)
                found[when[row["date"]], place[row["site"]], k] = value
    table.done()
    return found
