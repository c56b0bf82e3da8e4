"""The files made by the public IBIS Fortran, and how closely they must be met.

The whole set is optional data beside the repository; a small part of it is kept
here (``data``), with the same names, so that no clone is without real numbers.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

KEPT = Path(__file__).parent / "data"
WHOLE = Path(__file__).parents[2].parent / "shared" / "reference"

#: The original writes pi so; with it hourly weather agrees to the last digit.
ORIGINAL_PI = 3.1415927


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed error of a daily series; annual sums are relative."""

    rmse: float = np.inf
    largest: float = np.inf
    annual: float = np.inf
    #: Annual sums at most this large are not compared (mm).
    from_sum: float = 0.0


_CARBON = Tolerance(rmse=1e-4, largest=1e-3)
_WATER = Tolerance(rmse=5e-4, largest=5e-3)
_ENERGY = Tolerance(rmse=5e-3, largest=0.05)
_POOL = Tolerance(largest=0.01)
_KELVIN = Tolerance(rmse=2e-3, largest=0.05)
_MOISTURE = Tolerance(rmse=1e-3, largest=0.03)
_EXACT = Tolerance(largest=0.0)
#: Column of a daily file to the workspace's field, its layer and the tolerance.
#: The specification (section 16) gives gpp, aet, runoff, drainage, tsoi, wsoi, swe
#: and the pools; the rest is held to the same measure.
DAILY: dict[str, tuple[str, int, Tolerance]] = {
    "lai": ("lai_ground", 0, Tolerance(largest=2e-4)),
    "gpp": ("gpp", 0, Tolerance(1e-4, 1e-3, annual=1e-5)),
    "canopy_net_assim": ("net_assimilation", 0, _CARBON),
    "npp_ibis": ("npp_ibis", 0, Tolerance(5e-4, 5e-3)),
    "aet": ("et", 0, Tolerance(5e-4, 5e-3, annual=1e-5)),
    "transp": ("transpiration", 0, _WATER),
    "evap_intercepted": ("interception_evaporation", 0, _WATER),
    "evap_surface": ("surface_evaporation", 0, _WATER),
    "runoff": ("runoff", 0, Tolerance(2e-3, 0.05, annual=2e-3, from_sum=1.0)),
    "drainage": ("drainage", 0, Tolerance(2e-3, 0.05, annual=2e-3, from_sum=1.0)),
    "swe": ("swe", 0, Tolerance(largest=0.1)),
    "water_storage": ("storage", 0, Tolerance(largest=0.1)),
    "sw_in": ("sw_in", 0, Tolerance(largest=1e-4)),
    "sw_net": ("sw_net", 0, _ENERGY),
    "lw_in": ("lw_in", 0, Tolerance(largest=1e-4)),
    "lw_out": ("lw_out", 0, _ENERGY),
    "sensible": ("sensible", 0, _ENERGY),
    "tu_mean_k": ("leaf_temperature", 0, _KELVIN),
    "stress_mean": ("moisture_stress", 0, _MOISTURE),
    **{f"tsoi{k + 1}_mean": ("soil_temperature", k, _KELVIN) for k in range(6)},
    **{f"wsoi{k + 1}": ("wsoi", k, _MOISTURE) for k in range(6)},
    **{f"wisoi{k + 1}": ("wisoi", k, _MOISTURE) for k in range(6)},
    "decompl": ("decompl_sum", 0, _MOISTURE),
    "decomps": ("decomps_sum", 0, _MOISTURE),
    **{pool: (pool, 0, _POOL) for pool in ("cf", "clab", "cr", "cw", "clit", "csom")},
    "gdd": ("gdd", 0, Tolerance(largest=1e-9)),
    "multtf": ("multtf", 0, _EXACT),
    "multtl": ("multtl", 0, _EXACT),
    "ra_dalec": ("ra", 0, _CARBON),
    "rh_dalec": ("rh", 0, _CARBON),
}
#: Hourly canopy state: fraction of a variable's range.
HOURLY = 2e-5
HOURLY_SNOW = 1e-3

UNITS = {
    "tmin": "degC", "tmax": "degC", "prec": "mm d-1", "wind": "m s-1",
    "specific_humidity": "kg kg-1", "pressure": "Pa", "cloud_cover": "1",
    "co2": "ppm",
}  # fmt: skip
SITE_UNITS = {"lat": "degrees_north", "sand": "%", "clay": "%"}
_COLUMNS = {"sph": "specific_humidity", "pa": "pressure", "cld": "cloud_cover"}


def read(folder: Path, name: str) -> tuple[pd.DataFrame, str]:
    """Table and header comments of a reference file."""
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    header = "\n".join(line for line in lines if line.startswith("#"))
    return pd.read_csv(folder / name, comment="#"), header


@dataclass(frozen=True)
class Weather:
    """Daily weather of a reference site."""

    table: pd.DataFrame  # drivers in the model's names and units, year, doy
    lat: float
    sand: float
    clay: float

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self.table)

    def drivers(self) -> np.ndarray:
        """Drivers in the kernel's order, (time, driver, 1)."""
        return self.table[list(UNITS)].to_numpy()[:, :, None].copy()

    def dataset(self) -> xr.Dataset:
        """Forcing as a user writes it."""
        first = f"{self.table.year.iloc[0]}-01-01"
        start = pd.Timestamp(first) + pd.Timedelta(days=int(self.table.doy.iloc[0]) - 1)
        return xr.Dataset(
            {
                **{
                    name: ("time", self.table[name].to_numpy(), {"units": unit})
                    for name, unit in UNITS.items()
                },
                **{
                    name: ((), getattr(self, name), {"units": unit})
                    for name, unit in SITE_UNITS.items()
                },
            },
            coords={"time": pd.date_range(start, periods=self.days)},
        )


def read_weather(folder: Path, letter: str) -> Weather:
    """Forcing of site A, B or C."""
    table, header = read(folder, f"site{letter}_forcing.csv")
    table = table.rename(columns=_COLUMNS)
    table["co2"] = table["co2"] * 1e6
    site = {key: float(value) for key, value in _numbers(header, "lat|sand|clay")}
    return Weather(table, **site)


@dataclass(frozen=True)
class Run:
    """A run of the Fortran at one site: what went in and what came out."""

    weather: Weather
    parameters: dict[str, float]
    prescribed: bool
    daily: pd.DataFrame

    @property
    def lai(self) -> np.ndarray | None:
        """Prescribed leaf area index, if the run has one."""
        days = len(self.daily)
        table = self.weather.table
        return table.lai_prescribed.to_numpy()[:days] if self.prescribed else None


def read_run(folder: Path, name: str) -> Run:
    """Run with this name, such as ``siteA_coupled_set1``."""
    daily, header = read(folder, f"{name}_daily.csv")
    line = next(x for x in header.splitlines() if x.startswith("# params"))
    return Run(
        read_weather(folder, name[4]),
        {key: float(value) for key, value in _numbers(line, r"\w+")},
        "mode=prescribed" in header,
        daily,
    )


def _numbers(text: str, names: str) -> list[tuple[str, str]]:
    return re.findall(rf"\b({names})=([-\d.e]*\d)", text)
