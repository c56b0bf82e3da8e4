"""The judgement of a pixel's inputs, the same for ``masm check`` and the calibration.

What is impossible raises, by file, variable and date. What is only unlikely is a doubt:
it is reported, kept in the pixel's summary, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.errors import ConfigError, Problem
from jobs.run.pixel import Pixel

if TYPE_CHECKING:
    import xarray as xr

    import masm
    from masm.observations.stream import ObservedSeries

LOOKED_AT = (
    "units, fill codes, limits, signs, dates and intervals of the observations; "
    "humidity, light, pressure, rain and season of the weather; latitudes"
)
"""What was checked, for a check that found nothing."""

_FEW = 0.25  # fraction of the windows of a period with a value that is little
_OPPOSITE = 0.4  # correlation with temperature that says that a sign is wrong
_N_OPPOSITE = 30  # windows
_CARBON_UPTAKE = {"gpp": 1.0, "lai": 1.0, "nee": -1.0}


def judge_forcing(forcing: xr.Dataset, pixel: Pixel, where: str) -> list[str]:
    """Compare a pixel's weather with physics.

    Parameters
    ----------
    forcing : xarray.Dataset (time,)
        Validated.
    pixel : Pixel
        Its place.
    where : str
        What to call it in an error.

    Returns
    -------
    list of str
        Doubts.

    Raises
    ------
    ConfigError
        If it cannot be the weather of that place.
    """
    where = str(forcing.attrs.get("file", where))
    doubts = judge_weather(forcing, pixel.latitude, pixel.elevation, where)
    if forcing.attrs.get("place_doubt"):
        doubts.append(str(forcing.attrs["place_doubt"]))
    return doubts


def judge_weather(
    weather: xr.Dataset, latitude: float, elevation: float | None, where: str
) -> list[str]:
    """Compare daily weather with physics; see `judge_forcing`.

    Parameters
    ----------
    weather : xarray.Dataset (time,)
        Under the names of ``landdata.variables``.
    latitude : float
        Degrees north.
    elevation : float, optional
        m; without it pressure is not compared.
    where : str
        File, for messages.
    """
    from landdata.meteorology.plausibility import weather_findings

    findings = weather_findings(weather, latitude, elevation)
    refused = [
        Problem(where, one.variable, one.found, one.wanted, one.hint)
        for one in findings
        if one.verdict == "refused"
    ]
    if refused:
        raise ConfigError(refused)
    return [str(one) for one in findings]


def judge_streams(streams: Mapping[str, masm.Stream], forcing: xr.Dataset) -> list[str]:
    """Return doubts about observations, by themselves and beside the weather.

    Parameters
    ----------
    streams : mapping
        As `jobs.inputs.streams.make_streams` returns them, which refuses the rest.
    forcing : xarray.Dataset (time,)
        The pixel's weather, which says which half of the year is warm.
    """
    from masm.observations.doubts import doubts_between, doubts_of

    doubts = [
        f"{stream.label}: {doubt}"
        for stream in streams.values()
        for doubt in doubts_of(stream)
    ]
    doubts += [f"stream {name!r}: {doubt}" for name, doubt in doubts_between(streams)]
    for stream in streams.values():
        doubts += [f"{stream.label}: {d}" for d in _against_weather(stream, forcing)]
    return doubts


def windows_used(series: ObservedSeries, n_days: int) -> tuple[int, str]:
    """Return how many windows a period has, and what one of them is called."""
    words = {"month": "monthly", "year": "annual"}
    kind = series.windows
    if kind is None:
        return series.n_obs, "own"
    if kind in words:
        return max(1, round(n_days / (30.4375 if kind == "month" else 365.25))), words[
            kind
        ]
    length = int(kind.split("-")[0])
    return round(n_days / 365.25) * -(-365 // length), kind


def few_windows(name: str, series: ObservedSeries, possible: int) -> Iterator[str]:
    """Say it where hardly any window of a period has a value."""
    if series.n_obs < _FEW * possible:
        yield (
            f"stream {name!r}: only {series.n_obs} of {possible} windows have a value: "
            "are the others missing, or the dates of another year?"
        )


def falls_with_warmth(
    value: NDArray[np.float64],
    warmth: NDArray[np.float64],
    plainly: float = _OPPOSITE,
) -> float | None:
    """Correlation of values with temperature, if they plainly fall as it gets warm.

    Parameters
    ----------
    value, warmth : ndarray (n,)
        Uptake of carbon, and temperature (degC) beside it; NaN where not known.
    plainly : float
        Size of a correlation that says it.

    Returns
    -------
    float or None
        None also where there are too few values.
    """
    known = np.isfinite(value) & np.isfinite(warmth)
    if known.sum() < _N_OPPOSITE or np.ptp(value[known]) == 0.0:
        return None
    r = float(np.corrcoef(value[known], warmth[known])[0, 1])
    return r if r < -plainly else None


def _against_weather(stream: masm.Stream, forcing: xr.Dataset) -> Iterator[str]:
    """Say it where a stream falls as it gets warm, and should rise."""
    way = _CARBON_UPTAKE.get(stream.name)
    if way is None:
        return
    series = stream.aggregate()
    temperature = 0.5 * (forcing["tmin"] + forcing["tmax"])
    lat = float(forcing["lat"])
    months = temperature.groupby("time.month").mean().to_numpy()
    if abs(lat) < 30.0 or float(np.ptp(months)) < 10.0 or series.n_obs < _N_OPPOSITE:
        return
    days = series.time.astype("datetime64[D]")
    warmth = temperature.rolling(time=16, center=True, min_periods=1).mean()
    at = warmth.reindex(time=days.astype("datetime64[ns]") + np.timedelta64(4, "D"))
    r = falls_with_warmth(way * series.value, at.to_numpy())
    if r is not None:
        r *= way
        moves = "falls" if r < 0.0 else "rises"
        yield (
            f"it {moves} as it gets warm (r {r:.2f}): is the sign right, and are the "
            "dates of this hemisphere?"
        )
