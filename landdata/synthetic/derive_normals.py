"""How the normals of ``regions/normals`` were made, from published files.

    python -m landdata.synthetic.derive_normals DATA TARGET

DATA holds FLUXNET2015 monthly subsets (``fluxnet2015_monthly/FLX_*_MM_*.csv``) and
the daily Daymet table of deciduous PhenoCam sites. Which days are wet, how much
falls, and how temperature and its range vary by month come from the Daymet record
nearest a tower; cloud, humidity, wind and pressure vary from day to day as at Harvard
Forest. Then every month's mean is moved to the one that the tower published. Wind is
left at Harvard's open-field station: towers measure it at heights of their own.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import xarray as xr
from scipy.special import expit, logit

from landdata.meteorology.humidity import daily_saturation_vapour_pressure
from landdata.meteorology.normals import (
    WET_DAY,
    Normals,
    harvard_normals,
    rain_gamma,
    write_normals,
)
from landdata.meteorology.radiation import (
    CLEAR_SKY_GAIN,
    OVERCAST_TRANSMISSIVITY,
    extraterrestrial_radiation,
)
from landdata.sites.daymet import read_daymet_table
from landdata.sites.fluxnet import read_fluxnet

DAYMET = "products/daymet_phenocam_deciduous_daily.csv.gz"
MONTHLY = "fluxnet2015_monthly"


@dataclass(frozen=True)
class Recipe:
    """A site: its tower's file, and the Daymet site that lends its days.

    Attributes
    ----------
    lat : float
        degrees north.
    pattern : str
        Of the monthly file's name.
    daily : str or None
        Site of the Daymet table; None keeps Harvard's days.
    credit : str
        Whose data.
    """

    lat: float
    pattern: str
    daily: str | None
    credit: str


FLUXNET = "Pastorello et al. 2020, doi:10.1038/s41597-020-0534-3"

RECIPES = {
    "US-Ha1": Recipe(
        42.5378, "FLX_US-Ha1_*", None, "J. W. Munger, doi:10.18140/FLX/1440071"
    ),
    "US-UMB": Recipe(
        45.5598, "FLX_US-UMB_*", "umichbiological",
        f"C. Gough, G. Bohrer, P. Curtis, {FLUXNET}",
    ),
    "US-Oho": Recipe(
        41.5545, "FLX_US-Oho_*", "turkeypointdbf",
        f"J. Chen, H. Chu, A. Noormets, {FLUXNET}",
    ),
    "US-Wi3": Recipe(
        46.6347, "FLX_US-Wi3_*", "boundarywaters",
        f"J. Chen, {FLUXNET}",
    ),
}  # fmt: skip


def published_means(fluxnet: xr.Dataset, lat: float) -> pd.DataFrame:
    """Monthly normals of a tower's monthly file, over its whole calendar years.

    Returns
    -------
    pandas.DataFrame
        Rows 1 to 12; mean_temperature (degC), prec (mm d-1), vpd (Pa), pressure
        (Pa), cloud_cover (1, with which the model has the light of the tower).
    """
    table = fluxnet[["tmean", "prec", "vpd", "pressure", "shortwave"]].to_dataframe()
    time = pd.DatetimeIndex(table.index)
    year = time.year
    whole = pd.Series(year).groupby(np.asarray(year)).transform("size").eq(12)
    table, time = table[whole.to_numpy()], time[whole]
    days = pd.date_range("2001-01-01", "2001-12-31", freq="D")
    above = pd.Series(extraterrestrial_radiation(days.to_numpy(), lat), index=days)
    monthly = table.groupby(time.month).mean()
    through = monthly["shortwave"] / above.groupby(days.month).mean()
    cloud = 1.0 - (through - OVERCAST_TRANSMISSIVITY) / CLEAR_SKY_GAIN
    monthly["cloud_cover"] = cloud.clip(0.05, 0.95)
    return monthly.rename(columns={"tmean": "mean_temperature"}).drop(
        columns="shortwave"
    )


def with_days_of(normals: Normals, daymet: xr.Dataset) -> Normals:
    """Normals whose rain, temperature and daily range vary as in a Daymet record."""
    table = daymet[["tmin", "tmax", "prec"]].to_dataframe().dropna()
    time = pd.DatetimeIndex(table.index)
    wet = table["prec"] >= WET_DAY
    follows = table.index.to_series().diff() == pd.Timedelta(days=1)
    before = wet.shift(1, fill_value=False)
    weather = {
        "mean_temperature": 0.5 * (table["tmin"] + table["tmax"]),
        "temperature_range": table["tmax"] - table["tmin"],
    }
    monthly = normals.monthly.copy()
    for month in range(1, 13):
        here = time.month == month
        shape, scale = rain_gamma(table["prec"][here & wet] - WET_DAY)
        row = {
            "wet_after_dry": wet[here & follows & ~before].mean(),
            "wet_after_wet": wet[here & follows & before].mean(),
            "rain_shape": shape,
            "rain_scale": scale,
        }
        for name, values in weather.items():
            for state, days in (("dry", here & ~wet), ("wet", here & wet)):
                row[f"{name}_mean_{state}"] = values[days].mean()
                row[f"{name}_sd_{state}"] = values[days].std()
        for name, value in row.items():
            monthly.loc[month, name] = value
    return replace(normals, monthly=monthly)


def moved_to(normals: Normals, means: pd.DataFrame) -> Normals:
    """Normals whose months have the given means; what varies around them stays.

    Temperature and pressure are shifted, rain amounts scaled, cloud shifted on its
    logit, and humidity changed so that the deficit at the mean temperatures is the
    one given.
    """
    m = normals.monthly.copy()
    wet = m["wet_after_dry"] / (1.0 + m["wet_after_dry"] - m["wet_after_wet"])

    def mixed(dry: pd.Series, rainy: pd.Series) -> pd.Series:
        return (1.0 - wet) * dry + wet * rainy

    for name in ("mean_temperature", "pressure"):
        dry, rainy = f"{name}_mean_dry", f"{name}_mean_wet"
        shift = means[name] - mixed(m[dry], m[rainy])
        m[dry], m[rainy] = m[dry] + shift, m[rainy] + shift
    amount = means["prec"] / wet - WET_DAY  # of a wet day, above its threshold
    m["rain_scale"] = np.maximum(amount, 0.1) / m["rain_shape"]
    dry, rainy = "cloud_cover_mean_dry", "cloud_cover_mean_wet"
    for month in m.index:
        pair = logit(np.clip(m.loc[month, [dry, rainy]].to_numpy(float), 0.02, 0.98))
        fraction = np.array([1.0 - wet[month], wet[month]])
        target = float(means.loc[month, "cloud_cover"])
        shift = scipy.optimize.brentq(
            lambda x, p=pair, s=fraction, t=target: s @ expit(p + x) - t, -9, 9
        )
        m.loc[month, [dry, rainy]] = expit(pair + shift)
    deficit = {}
    for state in ("dry", "wet"):
        middle = m[f"mean_temperature_mean_{state}"]
        half = 0.5 * m[f"temperature_range_mean_{state}"]
        full = daily_saturation_vapour_pressure(middle - half, middle + half)
        deficit[state] = (1.0 - m[f"relative_humidity_mean_{state}"]) * full
    factor = means["vpd"] / mixed(deficit["dry"], deficit["wet"])
    for state in ("dry", "wet"):
        column = f"relative_humidity_mean_{state}"
        m[column] = np.clip(1.0 - factor * (1.0 - m[column]), 0.1, 0.97)
    return replace(normals, monthly=m)


def derive(site: str, data: Path) -> Normals:
    """Normals of one of ``RECIPES``."""
    recipe = RECIPES[site]
    (path,) = sorted((data / MONTHLY).glob(recipe.pattern))
    fluxnet = read_fluxnet(path)
    normals = harvard_normals()
    lent = "daily statistics as in the normals of Harvard Forest, 1999-2007"
    if recipe.daily is not None:
        daymet = read_daymet_table(data / DAYMET, recipe.daily, drop_inverted=True)
        normals = with_days_of(normals, daymet)
        lent = (
            f"rain and temperature from day to day: Daymet (Thornton et al., NASA ORNL "
            f"DAAC, open) at PhenoCam {recipe.daily}, collected by the phenor package; "
            "the rest as at Harvard Forest"
        )
    normals = moved_to(normals, published_means(fluxnet, recipe.lat))
    years = pd.DatetimeIndex(fluxnet["time"].values).year
    return replace(
        normals,
        lat=recipe.lat,
        source=f"{site}, {years[0]}-{years[-1]}. Monthly means: FLUXNET2015 "
        f"({recipe.credit}; CC-BY-4.0); {lent}. Changed: reduced to monthly "
        "statistics.",
    )


def main() -> None:
    """Write a file for each site."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    for site in RECIPES:
        write_normals(derive(site, options.data), options.target / f"{site}.json")


if __name__ == "__main__":
    main()
