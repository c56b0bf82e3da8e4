"""Complete model forcing for one site, from whatever was measured there.

Each model variable comes from the first record, and in it the first rule of
:mod:`landdata.meteorology.drivers`, that can give it; nothing is mixed day by day.
What came from where, and how many days were filled or clipped, is in the attributes of
each variable and, in words, in the attribute ``report`` of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.meteorology import radiation
from landdata.meteorology.co2 import mauna_loa_co2
from landdata.meteorology.daily_check import validate_forcing
from landdata.meteorology.drivers import (
    RULES,
    Place,
    find_rule,
    mean_temperature,
    wanted_inputs,
)
from landdata.meteorology.gaps import day_of_year_climatology, fill_gaps
from landdata.meteorology.pressure import pressure_from_elevation
from landdata.sites.station import read_station
from landdata.sites.tower import read_tower
from landdata.variables import DAILY, RAW, SITE

DEFAULT_WIND = 3.0  # m s-1; GPP and ET hardly feel it (the model clips it to 2.5..10)
MAY_USE_CLIMATOLOGY = ("wind", "specific_humidity", "pressure", "cloud_cover")


@dataclass(frozen=True)
class _Derived:
    """A model variable on its record's own days, and how it came about.

    ``counts`` marks the days that something was done to, by the name under which
    they are to be counted.
    """

    values: pd.Series
    source: str
    counts: dict[str, pd.Series] = field(default_factory=dict)


def read_site(
    tower_csv: str | Path,
    *,
    lat: float,
    elevation: float,
    sand: float,
    clay: float,
    station_csv: str | Path | None = None,
    years: tuple[int, int] | None = None,
    co2: str | float = "mauna_loa",
    wind: float | None = None,
    climatology: Collection[str] = (),
) -> xr.Dataset:
    """Model forcing from a tower table, helped by a weather station's.

    Parameters
    ----------
    tower_csv : path
        As ``read_tower`` reads it.
    lat, elevation : float
        degrees north; m above the sea.
    sand, clay : float
        %.
    station_csv : path, optional
        As ``read_station`` reads it; gives what the tower has not.
    years : (first, last), optional
        Whole calendar years to return, both included; all days by default.
    co2 : "mauna_loa", "tower" or float
        Annual means of Mauna Loa, the tower's own daily values (inside or just
        above the canopy, so noisy), or a number [ppm].
    wind : float, optional
        A constant [m s-1] instead of the station's; without both, 3 m s-1.
    climatology : names, optional
        Variables whose long gaps (over 3 days) may be filled with the usual
        value of the date in their own record. Of wind, specific_humidity,
        pressure, cloud_cover. Long gaps of anything else are refused.

    Returns
    -------
    xarray.Dataset
        Valid input of ``ibis_dalec.simulate``.

    Examples
    --------
    >>> import pandas as pd
    >>> from landdata import read_site
    >>> days = pd.date_range("2001-01-01", "2001-12-31").strftime("%Y-%m-%d")
    >>> weather = {"tmin": 5, "tmax": 15, "prec": 2, "srad": 10, "vpd": 4}
    >>> weather |= {"pressure": 98}
    >>> pd.DataFrame({"date": days, **weather}).to_csv("tower.csv", index=False)
    >>> forcing = read_site(
    ...     "tower.csv", lat=42.5378, elevation=340.0, sand=66.0, clay=6.0, wind=2.0
    ... )
    >>> forcing.sizes["time"], forcing["cloud_cover"].units
    (365, '1')
    """
    records = [read_tower(tower_csv)]
    if station_csv is not None:
        records.append(read_station(station_csv))
    return assemble_forcing(
        records,
        lat=lat,
        elevation=elevation,
        sand=sand,
        clay=clay,
        years=years,
        co2=co2,
        wind=wind,
        climatology=climatology,
    )


def assemble_forcing(
    records: Sequence[xr.Dataset],
    *,
    lat: float,
    elevation: float,
    sand: float,
    clay: float,
    years: tuple[int, int] | None = None,
    co2: str | float = "mauna_loa",
    wind: float | None = None,
    climatology: Collection[str] = (),
) -> xr.Dataset:
    """Model forcing from daily records under the names of ``variables.RAW``.

    The first record has to hold tmin, tmax and prec and sets the period; the
    others are asked in turn for what is missing. Keywords as ``read_site``.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landdata import assemble_forcing
    >>> weather = {
    ...     "tmin": 5.0, "tmax": 15.0, "prec": 2.0, "wind": 2.0, "shortwave": 10.0,
    ...     "vapour_pressure": 900.0, "pressure": 98000.0,
    ... }
    >>> record = xr.Dataset(
    ...     {name: ("time", np.full(365, value)) for name, value in weather.items()},
    ...     {"time": pd.date_range("2001-01-01", "2001-12-31")},
    ... )
    >>> forcing = assemble_forcing(
    ...     [record], lat=42.5, elevation=300.0, sand=66.0, clay=6.0
    ... )
    >>> sorted(set(forcing.data_vars) - set(record.data_vars))
    ['clay', 'cloud_cover', 'co2', 'lat', 'sand', 'specific_humidity']
    """
    _check_options(climatology, lat, elevation)
    main = records[0]
    period = _period(main, years)
    names = [str(record.attrs.get("source", "record")) for record in records]
    series = [
        {str(name): record[name].to_series() for name in record.data_vars}
        for record in records
    ]

    chosen: dict[str, _Derived] = {}
    for name in ("tmin", "tmax", "prec"):
        if name not in series[0]:
            raise InputError(
                f"{names[0]}  {name}",
                found="no such column",
                wanted=f"{DAILY[name].long_name} [{DAILY[name].units}]",
            )
        chosen[name] = _Derived(series[0][name], f"measured ({names[0]})")
    chosen["pressure"] = _first(
        series, names, lambda record: _made("pressure", record, lat, elevation)
    ) or _constant(
        float(pressure_from_elevation(elevation)),
        period,
        RULES["pressure"][-1].words.format(height=f"{elevation:g} m"),
    )
    at = chosen["pressure"].values
    for name, pressures in (("specific_humidity", at), ("cloud_cover", None)):
        chosen[name] = _wanted(
            _first(
                series,
                names,
                partial(_made, name, lat=lat, elevation=elevation, at=pressures),
            ),
            name,
            names,
        )
    chosen["wind"] = _wind(series, names, wind, period)
    chosen["co2"] = _co2(series[0], names[0], co2, period)

    forcing = xr.Dataset(
        {
            name: _complete(name, chosen[name], period, name in climatology)
            for name in DAILY
        },
        coords={"time": period.to_numpy("datetime64[ns]")},
    )
    for name, value in (("lat", lat), ("sand", sand), ("clay", clay)):
        forcing[name] = xr.DataArray(float(value), attrs=SITE[name].attrs)
    _note_light(forcing, series, lat)
    forcing.attrs["elevation"] = f"{elevation:g} m"
    forcing.attrs["report"] = "\n".join(
        [
            *_period_lines(main, period),
            *_variable_lines(forcing),
            *_temperature_lines(series, names, period),
        ]
    )
    # Filling tmin and tmax one by one might cross them; the check would see it.
    checked = validate_forcing(forcing, where=names[0])
    return _with_measured(checked, series)


def _with_measured(
    forcing: xr.Dataset, series: list[dict[str, pd.Series]]
) -> xr.Dataset:
    """Add light and vapour pressure deficit as measured, NaN where they were not.

    Models that want these take them from here; `shortwave_of` and
    `vapour_pressure_deficit_of` fill the days that are missing.
    """
    days = forcing.indexes["time"]
    for name in ("shortwave", "vpd"):
        record = next((one[name] for one in series if name in one), None)
        if record is not None:
            values = record.reindex(days).to_numpy(np.float64)
            forcing[name] = ("time", values, RAW[name].attrs)
    return forcing


def _check_options(climatology, lat: float, elevation: float) -> None:
    if isinstance(climatology, str):
        raise InputError(
            "climatology", found=repr(climatology), wanted=f"a list: [{climatology!r}]"
        )
    for name in climatology:
        if name not in MAY_USE_CLIMATOLOGY:
            raise InputError(
                f"climatology: {name}",
                found=repr(name),
                wanted=f"some of {', '.join(MAY_USE_CLIMATOLOGY)}",
                hint="Temperature and rain drive the model day by day; a usual day "
                "is no substitute for weeks of them.",
            )
    if not -90.0 <= lat <= 90.0:
        raise InputError("lat", found=f"{lat:g}", wanted="-90 to 90 degrees_north")
    if not -450.0 <= elevation <= 6000.0:
        raise InputError(
            "elevation", found=f"{elevation:g}", wanted="-450 to 6000 m above the sea"
        )


def _period(main: xr.Dataset, years: tuple[int, int] | None) -> pd.DatetimeIndex:
    first, last = main.indexes["time"][[0, -1]]
    if years is None:
        return pd.date_range(first, last, freq="D")
    begin, end = years
    start, stop = pd.Timestamp(begin, 1, 1), pd.Timestamp(end, 12, 31)
    if start > stop or start < first or stop > last:
        raise InputError(
            f"{main.attrs.get('source', 'record')}  years {begin} to {end}",
            found=f"a record from {first:%Y-%m-%d} to {last:%Y-%m-%d}",
            wanted="whole years within the record, the first not after the last",
        )
    return pd.date_range(start, stop, freq="D")


def _first(
    series: list[dict[str, pd.Series]],
    names: list[str],
    rule: Callable[[dict[str, pd.Series]], _Derived | None],
) -> _Derived | None:
    for record, name in zip(series, names, strict=True):
        derived = rule(record)
        if derived is not None:
            return replace(derived, source=f"{derived.source} ({name})")
    return None


def _constant(value: float, period: pd.DatetimeIndex, source: str) -> _Derived:
    return _Derived(pd.Series(float(value), index=period), source)


def _wanted(derived: _Derived | None, name: str, names: list[str]) -> _Derived:
    if derived is None:
        raise InputError(
            f"{', '.join(names)}  {name}",
            found="nothing it could be derived from",
            wanted=wanted_inputs(name),
            hint="Add a station table: station_csv=...",
        )
    return derived


def _made(
    name: str,
    record: dict[str, pd.Series],
    lat: float,
    elevation: float,
    at: pd.Series | None = None,
) -> _Derived | None:
    """Make a variable of a record, by the first rule that the record allows.

    ``at`` is the pressure, which may come from another record.
    """
    known: dict[str, pd.Series] = dict(record)
    if {"tmin", "tmax"} <= set(record):
        known["tmean"] = mean_temperature(record)
    if at is not None:
        known["pressure"] = at
    rule = find_rule(name, known)
    if rule is None or not rule.measured:
        return None
    measured = record[rule.measured]
    if at is not None:
        known["pressure"] = _on(at, measured)
    days = measured.index.to_numpy().astype("datetime64[D]")
    values = {one: known[one].to_numpy(np.float64) for one in rule.inputs}
    made = rule.make(values, Place(days, lat, elevation))
    return _Derived(
        pd.Series(made.values, index=measured.index),
        rule.words.format(height=f"{elevation:g} m") or "measured",
        {
            count: pd.Series(marks, index=measured.index)
            for count, marks in made.limited.items()
        },
    )


def _refuse_text(name: str, value: object, wanted: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(name, found=repr(value), wanted=wanted)


def _on(pressures: pd.Series, other: pd.Series) -> pd.Series:
    """Pressures on another record's days; a lone mean where they do not reach."""
    return pressures.reindex(other.index).fillna(pressures.mean())


def _wind(series, names, wind: float | None, period) -> _Derived:
    if wind is not None:
        _refuse_text("wind", wind, "a number [m s-1]")
        return _constant(wind, period, f"constant {wind:g} m s-1 (given)")
    return _first(
        series,
        names,
        lambda record: (
            _Derived(record["wind"], "measured") if "wind" in record else None
        ),
    ) or _constant(
        DEFAULT_WIND, period, f"constant {DEFAULT_WIND:g} m s-1 (no record has wind)"
    )


def _co2(record: dict[str, pd.Series], name: str, co2: str | float, period) -> _Derived:
    if not isinstance(co2, str):
        _refuse_text("co2", co2, '"mauna_loa", "tower" or a number [ppm]')
        return _constant(co2, period, f"constant {co2:g} ppm (given)")
    if co2 == "mauna_loa":
        values = mauna_loa_co2(period.to_numpy())
        return _Derived(
            pd.Series(values, index=period), "annual means of Mauna Loa (NOAA)"
        )
    if co2 != "tower":
        raise InputError(
            "co2", found=repr(co2), wanted='"mauna_loa", "tower" or a number [ppm]'
        )
    if "co2" not in record:
        raise InputError(
            f"{name}  co2",
            found="no such column",
            wanted="daily CO2 [ppm]",
            hint='Use co2="mauna_loa".',
        )
    return _Derived(record["co2"], f"measured ({name})")


def _complete(
    name: str,
    derived: _Derived,
    period: pd.DatetimeIndex,
    may_use_climatology: bool,
) -> xr.DataArray:
    """The variable on every day of the period, with what it took as attributes."""
    filled = fill_gaps(
        derived.values.reindex(period),
        where=f"{name}, {derived.source}",
        dry=name == "prec",
        climatology=day_of_year_climatology(derived.values)
        if may_use_climatology
        else None,
        hint=f"Choose other years or another source, or say climatology=[{name!r}] "
        "to fill it with the usual value of the date."
        if name in MAY_USE_CLIMATOLOGY
        else "Choose other years, or fill it from another record.",
    )
    attrs: dict[str, str | int] = {
        **DAILY[name].attrs,
        "source": derived.source,
        "n_filled": filled.n_short,
        "n_climatology": filled.n_climatology,
    }
    if filled.long_gaps:
        attrs["climatology_days"] = "; ".join(filled.long_gaps)
    for count, days in derived.counts.items():
        attrs[count] = int(days.reindex(period, fill_value=False).sum())
    return xr.DataArray(filled.values.to_numpy(np.float64), dims="time", attrs=attrs)


def _note_light(forcing: xr.Dataset, series: list[dict[str, pd.Series]], lat: float):
    """Write down what clipping the cloud cover does to the light received."""
    record = next((one for one in series if "shortwave" in one), None)
    if record is None or "n_clipped_dark" not in forcing["cloud_cover"].attrs:
        return  # it was taken as given
    measured = record["shortwave"].reindex(forcing.indexes["time"]).to_numpy()
    cloud = forcing["cloud_cover"]
    received = radiation.transmissivity(
        cloud.values
    ) * radiation.extraterrestrial_radiation(forcing["time"].values, lat)
    known = np.isfinite(measured)
    change = received[known].sum() / measured[known].sum() - 1.0
    cloud.attrs["light_received_over_measured"] = round(1.0 + float(change), 4)


def _period_lines(main: xr.Dataset, period: pd.DatetimeIndex) -> list[str]:
    n_dropped = int((~main.indexes["time"].isin(period)).sum())
    return [
        f"{period[0]:%Y-%m-%d} to {period[-1]:%Y-%m-%d}, {len(period)} days; "
        f"{n_dropped} days of the record lie outside and are dropped"
    ]


_COUNTS = {
    "n_filled": "in short gaps filled",
    "n_climatology": "in long gaps filled with the usual value of the date",
    "n_without_sun": "with too little sun to derive clouds from, interpolated between "
    "the lit days around",
    "n_held_at_driest": "held at the driest humidity allowed",
    "n_clipped_dark": "darker than the model's overcast sky, clipped to 1",
    "n_clipped_bright": "brighter than the model's clear sky, clipped to 0",
    "n_above_atmosphere": "brighter than the sun above the atmosphere",
}


def _variable_lines(forcing: xr.Dataset) -> list[str]:
    lines = []
    for name in DAILY:
        attrs = forcing[name].attrs
        done = [
            f"{attrs[count]} days {what}"
            for count, what in _COUNTS.items()
            if attrs.get(count)
        ]
        if "climatology_days" in attrs:
            done.append(f"namely {attrs['climatology_days']}")
        if "light_received_over_measured" in attrs:
            fraction = 100.0 * (attrs["light_received_over_measured"] - 1.0)
            done.append(
                f"the model receives {fraction:+.1f} % light against the record"
            )
        lines.append("; ".join([f"{name}: {attrs['source']}", *done]))
    return lines


def _temperature_lines(series, names, period) -> list[str]:
    """How far apart the records are where two of them measured temperature."""
    lines = []
    for record, name in zip(series[1:], names[1:], strict=True):
        for extreme in ("tmin", "tmax"):
            if extreme in record:
                gap = (series[0][extreme] - record[extreme]).reindex(period).mean()
                lines.append(f"{extreme} is {gap:+.2f} K against {name} on average")
    return lines
