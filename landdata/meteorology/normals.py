"""Monthly weather normals of a site: what a weather generator needs to know.

After Richardson (1981, Water Resources Research 17, 182-190): the occurrence of
rain is a two-state Markov chain by month, amounts are gamma distributed, and
everything else has a mean and a standard deviation by month for dry and for wet
days, with residuals that remember the day before and each other.

The normals of Harvard Forest that come along (harvard_normals.json) were made by
``normals_from_forcing`` from nine years of flux-tower and station weather; the
file names its sources and their licences.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from landdata.errors import InputError
from landdata.meteorology.daily_check import validate_forcing
from landdata.meteorology.humidity import daily_saturation_vapour_pressure

Array = NDArray[np.float64]

WET_DAY = 0.5  # mm: less counts as a dry day, and adds up to under 1 % of the rain
RESIDUALS = (
    "mean_temperature",  # degC
    "temperature_range",  # K
    "cloud_cover",  # 1
    "relative_humidity",  # 1, against FAO-56 mean saturation
    "wind",  # m s-1
    "pressure",  # Pa
)
RAIN = ("wet_after_dry", "wet_after_wet", "rain_shape", "rain_scale")
_MIN_DAYS = 10


@dataclass(frozen=True)
class Normals:
    """Monthly statistics of daily weather at one place.

    Attributes
    ----------
    monthly : pandas.DataFrame
        12 rows (1 to 12). Columns wet_after_dry, wet_after_wet (probabilities),
        rain_shape, rain_scale (gamma, mm above 0.5), and for each of
        ``RESIDUALS`` four: ``<name>_mean_dry``, ``_sd_dry``, ``_mean_wet``,
        ``_sd_wet``.
    lag0, lag1 : numpy.ndarray (6, 6)
        Correlations of the standardised residuals on one day, and of a day
        (rows) with the day before (columns).
    lat, sand, clay : float
        degrees_north, %, %.
    source : str
        Where the weather came from, and its licence.

    Examples
    --------
    >>> from landdata import harvard_normals
    >>> normals = harvard_normals()
    >>> normals.monthly.shape, normals.lag1.shape
    ((12, 28), (6, 6))
    """

    monthly: pd.DataFrame
    lag0: Array
    lag1: Array
    lat: float
    sand: float
    clay: float
    source: str


def monthly_columns() -> list[str]:
    """Names of the columns of ``Normals.monthly``, in order."""
    columns = list(RAIN)
    for name in RESIDUALS:
        columns += [
            f"{name}_{what}_{state}"
            for state in ("dry", "wet")
            for what in ("mean", "sd")
        ]
    return columns


def normals_from_forcing(forcing: xr.Dataset, source: str) -> Normals:
    """Normals of the weather in a forcing Dataset (several whole years).

    Gamma parameters by Thom's estimator (1958, Monthly Weather Review 86,
    117-122), which keeps the mean rain of a wet day.

    Examples
    --------
    >>> import numpy as np
    >>> from landdata import generate_weather, harvard_normals, normals_from_forcing
    >>> rng = np.random.default_rng(1)
    >>> weather = generate_weather(harvard_normals(), (2001, 2003), rng)
    >>> normals_from_forcing(weather, "made up").monthly.index.tolist()[:3]
    [1, 2, 3]
    """
    forcing = validate_forcing(forcing)
    weather = _weather(forcing)
    rain = forcing["prec"].to_series()
    wet = rain >= WET_DAY
    month = pd.DatetimeIndex(rain.index).month
    yesterday = wet.shift(1)
    rows = {}
    for m in range(1, 13):
        here = month == m
        for state, days in (("dry", here & ~wet), ("wet", here & wet)):
            if days.sum() < _MIN_DAYS:
                raise InputError(
                    f"forcing  month {m}",
                    found=f"{int(days.sum())} {state} days",
                    wanted=f"at least {_MIN_DAYS} for monthly normals",
                    hint="Give more years.",
                )
        after_dry = here & (yesterday == False)  # noqa: E712  (first day is NaN)
        after_wet = here & (yesterday == True)  # noqa: E712
        shape, scale = rain_gamma(rain[here & wet] - WET_DAY)
        row = {
            "wet_after_dry": wet[after_dry].mean(),
            "wet_after_wet": wet[after_wet].mean(),
            "rain_shape": shape,
            "rain_scale": scale,
        }
        for name in RESIDUALS:
            for state, days in (("dry", here & ~wet), ("wet", here & wet)):
                row[f"{name}_mean_{state}"] = weather.loc[days, name].mean()
                row[f"{name}_sd_{state}"] = weather.loc[days, name].std()
        rows[m] = row
    monthly = pd.DataFrame.from_dict(rows, orient="index")[monthly_columns()]

    group = weather.groupby([month, wet.to_numpy()])
    residuals = (weather - group.transform("mean")) / group.transform("std")
    today, before = residuals.iloc[1:].to_numpy(), residuals.iloc[:-1].to_numpy()
    n = len(RESIDUALS)
    correlations = np.corrcoef(today.T, before.T)
    return Normals(
        monthly=monthly,
        lag0=correlations[:n, :n],
        lag1=correlations[:n, n:],
        lat=float(forcing["lat"]),
        sand=float(forcing["sand"]),
        clay=float(forcing["clay"]),
        source=source,
    )


def _weather(forcing: xr.Dataset) -> pd.DataFrame:
    tmin, tmax = forcing["tmin"].to_series(), forcing["tmax"].to_series()
    q, p = forcing["specific_humidity"].to_series(), forcing["pressure"].to_series()
    vapour_pressure = p * q / (0.622 + 0.378 * q)
    return pd.DataFrame(
        {
            "mean_temperature": 0.5 * (tmin + tmax),
            "temperature_range": tmax - tmin,
            "cloud_cover": forcing["cloud_cover"].to_series(),
            "relative_humidity": vapour_pressure
            / daily_saturation_vapour_pressure(tmin, tmax),
            "wind": forcing["wind"].to_series(),
            "pressure": p,
        }
    )[list(RESIDUALS)]


def rain_gamma(amounts: pd.Series) -> tuple[float, float]:
    """Shape and scale [mm] of amounts above the threshold (Thom 1958)."""
    mean = float(amounts.mean())
    # A day of exactly the threshold has no logarithm; give it a hundredth of a mm.
    a = np.log(mean) - float(np.log(amounts.clip(lower=0.01)).mean())
    shape = (1.0 + np.sqrt(1.0 + 4.0 * a / 3.0)) / (4.0 * a)
    return float(shape), mean / float(shape)


def harvard_normals() -> Normals:
    """The normals that come with the package: Harvard Forest, 1999-2007.

    Examples
    --------
    >>> from landdata import harvard_normals
    >>> round(harvard_normals().lat, 2)
    42.54
    """
    with as_file(files("landdata.meteorology") / "harvard_normals.json") as path:
        return read_normals(path)


def write_normals(normals: Normals, path: str | Path) -> None:
    """Write normals as JSON, beside the target first and then in its place.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import harvard_normals, write_normals
    >>> write_normals(harvard_normals(), "normals.json")
    >>> Path("normals.json").is_file()
    True
    """
    path = Path(path)
    text = json.dumps(
        {
            "source": normals.source,
            "lat": normals.lat,
            "sand": normals.sand,
            "clay": normals.clay,
            "residuals": list(RESIDUALS),
            "lag0": np.round(normals.lag0, 4).tolist(),
            "lag1": np.round(normals.lag1, 4).tolist(),
            "monthly": {
                str(name): [float(f"{value:.6g}") for value in normals.monthly[name]]
                for name in normals.monthly
            },
        },
        indent=1,
    )
    aside = path.with_name(path.name + ".part")
    with aside.open("w", encoding="utf-8") as opened:
        opened.write(text + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(aside, path)


def read_normals(path: str | Path) -> Normals:
    """Read what ``write_normals`` wrote.

    Examples
    --------
    >>> from landdata import harvard_normals, read_normals, write_normals
    >>> write_normals(harvard_normals(), "normals.json")
    >>> read_normals("normals.json").lat == harvard_normals().lat
    True
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        monthly = pd.DataFrame(content["monthly"], index=range(1, 13))
        normals = Normals(
            monthly=monthly[monthly_columns()].astype("float64"),
            lag0=np.array(content["lag0"], dtype=np.float64),
            lag1=np.array(content["lag1"], dtype=np.float64),
            lat=float(content["lat"]),
            sand=float(content["sand"]),
            clay=float(content["clay"]),
            source=str(content["source"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InputError(
            str(path),
            found=f"not a file of monthly normals ({exc})",
            wanted="JSON as written by landdata.write_normals",
        ) from exc
    n = len(RESIDUALS)
    if normals.lag0.shape != (n, n) or normals.lag1.shape != (n, n):
        raise InputError(
            f"{path}  lag0, lag1",
            found=f"shapes {normals.lag0.shape} and {normals.lag1.shape}",
            wanted=f"({n}, {n}) in the order {', '.join(RESIDUALS)}",
        )
    return normals
