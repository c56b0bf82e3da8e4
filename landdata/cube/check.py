"""What a cube holds, before anything is computed: coverage, gaps, ranges, cost.

Reads the cube shard by shard and returns plain objects for a command line to print;
nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landdata.cube.cube import Cube
from landdata.cube.layout import SHARD_PIXELS, STATES
from landdata.cube.measured_weather import KNOWN
from landdata.meteorology.drivers import MADE
from landdata.variables import FLUXES

# Monthly means between which eastern forests lie; outside of them a unit or a fill
# value is more likely than weather. Wider limits, for days, were applied on reading.
USUAL_MEANS: dict[str, tuple[float, float]] = {
    "tmin": (-40.0, 30.0),
    "tmax": (-30.0, 45.0),
    "prec": (0.1, 15.0),
    "wind": (0.3, 15.0),
    "specific_humidity": (2.0e-4, 0.025),
    "pressure": (6.0e4, 1.05e5),
    "cloud_cover": (0.05, 0.98),
    "shortwave": (1.0, 35.0),
    "vapour_pressure": (30.0, 4000.0),
    "vpd": (10.0, 5000.0),
    "dew_point": (-45.0, 30.0),
    "relative_humidity": (10.0, 100.0),
    "sea_level_pressure": (9.8e4, 1.05e5),
    "lai": (0.0, 8.0),
    "gpp": (-0.5, 20.0),
    "er": (0.0, 20.0),
    "nee": (-15.0, 10.0),
    "et": (0.0, 10.0),
}
_MAX_NAMED = 20
_LIMITED = ("n_clipped_dark", "n_clipped_bright", "n_held_at_driest", "n_without_sun")


@dataclass
class VariableReport:
    """One driver or stream over all pixels.

    Attributes
    ----------
    name, units : str
        What it is.
    coverage : float
        Fraction of pixel days (or windows) with a value.
    low, mean, high : float
        Of all values.
    filled_days : int
        Days filled or set to a limit: of a measured variable when the cube was built,
        of a derived one when it is read.
    gaps_by_year : dict
        Year to missing pixel days or windows, of pixels that have any value.
    unusual_pixels : list of int
        Whose mean lies outside ``USUAL_MEANS``; at most 20 are named.
    n_unusual : int
        How many there are.
    origin : str
        How a derived variable follows from measured ones; nothing of the others.
    """

    name: str
    units: str
    coverage: float
    low: float
    mean: float
    high: float
    filled_days: int = 0
    gaps_by_year: dict[int, int] = field(default_factory=dict)
    unusual_pixels: list[int] = field(default_factory=list)
    n_unusual: int = 0
    origin: str = ""


@dataclass
class CubeReport:
    """The check of a cube.

    Attributes
    ----------
    n_pixels : int
        In the cube.
    synthetic : bool
        Generated, not observed.
    first_day, last_day, calendar : str
        Of the weather.
    skipped : dict
        Reason to the pixels that will be skipped.
    forcing, observations : list of VariableReport
        By variable: measured weather, then the drivers of IBIS-DALEC made of it.
    gaps_by_pixel : dict
        Pixel to missing windows over all streams, the worst 20.
    bytes_cube : int
        On disk.
    bytes_posteriors : float
        That a calibration of all usable pixels would write.
    core_hours : float
        That it would take.

    Examples
    --------
    >>> from dataclasses import fields
    >>> from landdata import CubeReport
    >>> [one.name for one in fields(CubeReport)][:3]
    ['n_pixels', 'synthetic', 'first_day']
    """

    n_pixels: int
    synthetic: bool
    first_day: str
    last_day: str
    calendar: str
    skipped: dict[str, list[int]]
    forcing: list[VariableReport]
    observations: list[VariableReport]
    gaps_by_pixel: dict[int, int]
    bytes_cube: int
    bytes_posteriors: float
    core_hours: float

    @property
    def n_usable(self) -> int:
        """Pixels that can be calibrated."""
        return self.n_pixels - sum(len(pixels) for pixels in self.skipped.values())

    def as_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {**asdict(self), "n_usable": self.n_usable}

    def lines(self) -> Iterator[str]:
        """The report in words, line by line."""
        yield from self.holdings()
        yield f"disk: about {self.bytes_posteriors / 1e9:.2f} GB of posteriors"
        yield (
            f"cost: about {self.core_hours:.1f} core-hours for {self.n_usable} pixels"
        )

    def holdings(self) -> Iterator[str]:
        """What the cube has and lacks, without what a calibration would take."""
        kind = (
            "SYNTHETIC region, generated and not observed"
            if self.synthetic
            else ("region")
        )
        yield (
            f"{kind}: {self.n_pixels} pixels, {self.first_day} to {self.last_day}, "
            f"calendar {self.calendar}"
        )
        for title, reports in (
            ("weather", self.forcing),
            ("observations", self.observations),
        ):
            yield f"{title}:"
            for one in reports:
                yield from _variable_lines(one)
        for reason, pixels in self.skipped.items():
            if pixels:
                some = ", ".join(map(str, pixels[:5]))
                more = ", ..." if len(pixels) > 5 else ""
                yield f"skipped, {reason}: {len(pixels)} pixels ({some}{more})"
        if self.gaps_by_pixel:
            worst = ", ".join(
                f"{pixel} ({gaps})"
                for pixel, gaps in list(self.gaps_by_pixel.items())[:5]
            )
            yield f"pixels with most windows missing: {worst}"
        yield f"disk: {_size(self.bytes_cube)} in this cube"


def _size(n_bytes: int) -> str:
    """Return a size on disk in the unit that suits it."""
    if n_bytes < 1e8:
        return f"{max(0.1, n_bytes / 1e6):.1f} MB"
    return f"{n_bytes / 1e9:.2f} GB"


def _variable_lines(one: VariableReport) -> Iterator[str]:
    units = "" if one.units == "1" else f" {one.units}"
    line = (
        f"  {one.name}: {100.0 * one.coverage:.1f} % present, {one.low:.4g} to "
        f"{one.high:.4g}, mean {one.mean:.4g}{units}"
    )
    if one.filled_days:
        line += f"; {one.filled_days} pixel days filled or set to a limit"
    if one.origin:
        line += f"; {one.origin}"
    yield line
    if any(one.gaps_by_year.values()):
        gaps = ", ".join(f"{y}: {n}" for y, n in one.gaps_by_year.items() if n)
        yield f"    missing by year: {gaps}"
    if one.n_unusual:
        low, high = USUAL_MEANS[one.name]
        some = ", ".join(map(str, one.unusual_pixels[:5]))
        yield (
            f"    UNUSUAL: the mean of {one.n_unusual} pixels is outside {low:g} to "
            f"{high:g}{units} ({some})"
        )


class _RunningCounts:
    """Running statistics of one variable over blocks of pixels."""

    def __init__(self, name: str, units: str, years: NDArray):
        self.report = VariableReport(name, units, 0.0, np.nan, np.nan, np.nan)
        self.years = years
        self.count, self.total, self.size = 0, 0.0, 0
        self.low, self.high = np.inf, -np.inf
        self.gaps = dict.fromkeys(np.unique(years).tolist(), 0)

    def add(self, values: NDArray, ids: NDArray) -> None:
        """Take in (pixel, time)."""
        there = np.isfinite(values)
        self.count += int(there.sum())
        self.size += values.size
        known = values[there].astype(np.float64)
        if known.size:
            self.total += float(known.sum())
            self.low = min(self.low, float(known.min()))
            self.high = max(self.high, float(known.max()))
        some = there.any(axis=1)
        missing = (~there[some]).sum(axis=0)
        for year in self.gaps:
            self.gaps[year] += int(missing[self.years == year].sum())
        low, high = USUAL_MEANS.get(self.report.name, (-np.inf, np.inf))
        with np.errstate(invalid="ignore"):
            mean = np.where(there, values, 0.0).sum(axis=1) / there.sum(axis=1)
            odd = some & ((mean < low) | (mean > high))
        self.report.n_unusual += int(odd.sum())
        room = _MAX_NAMED - len(self.report.unusual_pixels)
        self.report.unusual_pixels += ids[odd][:room].tolist()

    def add_origin(self, attrs: Mapping[str, Any]) -> None:
        """Take in what a derived variable says of itself."""
        self.report.origin = str(attrs.get("source", ""))
        self.report.filled_days += sum(int(attrs.get(name, 0)) for name in _LIMITED)

    def finish(self) -> VariableReport:
        """The report."""
        self.report.coverage = self.count / max(self.size, 1)
        if self.count:
            self.report.low, self.report.high = self.low, self.high
            self.report.mean = self.total / self.count
        self.report.gaps_by_year = self.gaps
        return self.report


def check_cube(
    cube: Cube,
    *,
    seconds_per_pixel: float = 75.0,
    bytes_per_pixel: float = 2.0e5,
) -> CubeReport:
    """Read a cube once and say what is in it.

    Parameters
    ----------
    cube : Cube
        As ``open_cube`` gives it.
    seconds_per_pixel : float
        That calibrating a pixel takes on one core; measure it on a few.
    bytes_per_pixel : float
        That a pixel's posterior takes on disk.

    Examples
    --------
    >>> from landdata import SyntheticSource, build_cube, check_cube, synthetic_block
    >>> source = SyntheticSource(
    ...     grid=synthetic_block(2, 1), years=(2003, 2003), forest_only=False
    ... )
    >>> report = check_cube(build_cube("small.zarr", source))
    >>> report.n_pixels, report.first_day, report.last_day
    (2, '2003-01-01', '2003-12-31')
    """
    ids = cube.cells.ids
    days, windows = cube.time.year.to_numpy(), cube.observed_time.year.to_numpy()
    names = (*cube.variables, *(name for name in MADE if name not in cube.variables))
    forcing = {name: _RunningCounts(name, KNOWN[name].units, days) for name in names}
    streams = {n: _RunningCounts(n, FLUXES[n].units, windows) for n in cube.streams}
    missing = np.zeros(len(cube), dtype=np.int64)
    for first in range(0, len(cube), SHARD_PIXELS):
        part = ids[first : first + SHARD_PIXELS]
        weather, seen = cube.forcing(part.tolist()), cube.observations(part.tolist())
        for name, counts in forcing.items():
            counts.add(weather[name].to_numpy(), part)
            counts.add_origin(weather[name].attrs)
        for name, counts in streams.items():
            values = seen[name].to_numpy()
            counts.add(values, part)
            missing[first : first + part.size] += np.isnan(values).sum(axis=1)
    filled = cube.filled()
    for index, name in enumerate(cube.variables):
        forcing[name].report.filled_days = int(filled[:, index].sum())
    skipped = {
        reason: ids[cube.states == code].tolist()
        for code, reason in enumerate(STATES)
        if code > 0
    }
    worst = np.argsort(-missing, kind="stable")[:_MAX_NAMED]
    n_usable = int((cube.states == 0).sum())
    return CubeReport(
        n_pixels=len(cube),
        synthetic=cube.synthetic,
        first_day=f"{cube.time[0]:%Y-%m-%d}",
        last_day=f"{cube.time[-1]:%Y-%m-%d}",
        calendar=_calendar(cube.time),
        skipped=skipped,
        forcing=[counts.finish() for counts in forcing.values()],
        observations=[counts.finish() for counts in streams.values()],
        gaps_by_pixel={int(ids[i]): int(missing[i]) for i in worst if missing[i]},
        bytes_cube=sum(f.stat().st_size for f in cube.path.rglob("*") if f.is_file()),
        bytes_posteriors=bytes_per_pixel * n_usable,
        core_hours=seconds_per_pixel * n_usable / 3600.0,
    )


def _calendar(time: pd.DatetimeIndex) -> str:
    whole = pd.date_range(time[0], time[-1], freq="D")
    return "standard, no day missing" if time.equals(whole) else "with days missing"
