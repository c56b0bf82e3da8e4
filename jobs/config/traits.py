"""Priors from a table of measured traits, ``calibration.traits``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import OddFile, read_text
from jobs.process_models.base import Parameter

if TYPE_CHECKING:
    from masm.hierarchical import TraitPrior

COLUMNS = ("parameter", "unit", "mean", "sd", "n", "study")
_BETWEEN = 0.5
"""Scale of the sd between studies, in the sd of the uniform prior of the bounds."""

Rows = tuple[tuple[str, float, float, float, str], ...]


def read_traits(path: Path, table: Mapping[str, Parameter]) -> dict[str, TraitPrior]:
    """Read a table of traits: a prior of each parameter that it has rows of.

    Raises
    ------
    ConfigError
        Naming the line: an unknown parameter, another unit than the model's, a number
        that is none, a mean out of the parameter's range.
    """
    try:
        text = read_text(path, follow=True)
    except FileNotFoundError as exc:
        raise ConfigError(
            Problem(str(path), "no such file", wanted="a table of traits")
        ) from exc
    except (OddFile, UnicodeDecodeError) as exc:
        raise ConfigError(
            Problem(str(path), "cannot be read", str(exc), "a CSV table")
        ) from exc
    rows = _rows(path.name, text.removeprefix("\ufeff"), table)
    ranges = tuple((name, table[name].low, table[name].high) for name in
                   dict.fromkeys(row[0] for row in rows))  # fmt: skip
    return _analysed(rows, ranges)


@lru_cache(maxsize=8)
def _analysed(
    rows: Rows, ranges: tuple[tuple[str, float, float], ...]
) -> dict[str, TraitPrior]:
    from masm.hierarchical import trait_prior

    found = {}
    for name, low, high in ranges:
        _, mean, sd, n, study = zip(*(r for r in rows if r[0] == name), strict=True)
        between = _BETWEEN * (high - low) / np.sqrt(12.0)
        found[name] = trait_prior(mean, sd, n, study, between=between)
    return found


def _rows(name: str, text: str, table: Mapping[str, Parameter]) -> Rows:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    skipped = len(text.splitlines()) - len(lines)
    reader = csv.DictReader(io.StringIO("\n".join(lines)), skipinitialspace=True)
    columns = [column.strip() for column in reader.fieldnames or []]
    if lacking := [column for column in COLUMNS if column not in columns]:
        raise ConfigError(
            Problem(name, f"no column {', '.join(lacking)}", ", ".join(columns),
                    ", ".join(COLUMNS))
        )  # fmt: skip
    reader.fieldnames = columns
    rows: list[tuple[str, float, float, float, str]] = []
    problems: list[Problem] = []
    for row in reader:
        where = f"{name}:{reader.line_num + skipped}"
        try:
            one = _row(row, where, table)
        except ConfigError as exc:
            problems += exc.problems
            continue
        if one in rows:
            problems.append(
                Problem(where, f"a row of {one[0]} twice", ", ".join(map(str, one[1:])),
                        "each row once", "Measurements that stand there twice would "
                        "count twice.")
            )  # fmt: skip
        rows.append(one)
    if problems:
        raise ConfigError(problems[:8])
    if not rows:
        raise ConfigError(Problem(name, "no rows", wanted="at least one"))
    return tuple(rows)


def _row(
    row: dict[str, str | None], where: str, table: Mapping[str, Parameter]
) -> tuple[str, float, float, float, str]:
    parameter = (row["parameter"] or "").strip()
    if parameter not in table:
        raise ConfigError(
            Problem(where, "parameter", f'an unknown parameter "{parameter}"',
                    "a parameter of the model", did_you_mean(parameter, table))
        )  # fmt: skip
    known, unit = table[parameter], (row["unit"] or "").strip()
    if unit != known.unit:
        raise ConfigError(
            Problem(where, f"unit of {parameter}", f'"{unit}"', f'"{known.unit}"')
        )
    mean = _number(row, "mean", where, known.low, known.high)
    sd = _number(row, "sd", where, np.nextafter(0.0, 1.0), np.inf)
    if sd > known.high - known.low:
        raise ConfigError(
            Problem(where, f"sd of {parameter}", f"{sd:g}",
                    f"less than {known.high - known.low:g}, the width of the range",
                    "Is it in percent, in another unit, or a variance?")
        )  # fmt: skip
    n = _number(row, "n", where, 1.0, np.inf)
    if n != round(n):
        raise ConfigError(
            Problem(where, "n", f"{n:g}", "a whole number of measurements",
                    "Are two columns exchanged?")
        )  # fmt: skip
    study = (row["study"] or "").strip()
    if not study:
        raise ConfigError(Problem(where, "study", "nothing", "the name of a study"))
    return parameter, mean, sd, n, study


def _number(
    row: dict[str, str | None], name: str, where: str, low: float, high: float
) -> float:
    text = (row[name] or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not (np.isfinite(value) and low <= value <= high):
        wanted = {"sd": "a number above zero", "n": "a number, one or more"}.get(
            name, f"a number from {low:g} to {high:g}, the parameter's range"
        )
        raise ConfigError(Problem(where, name, f'"{text}"', wanted))
    return value
