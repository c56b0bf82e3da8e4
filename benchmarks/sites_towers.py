"""Groups of daily towers for SIPNET: parameters and priors, observations, scores.

Parameters are those that the towers' NEE asks for. With the coldest temperature of
photosynthesis and the water-use efficiency of Niwot Ridge no evergreen tower is fitted
well, whatever the others are, and these go to their bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

import masm
from landdata import read_fluxnet_daily
from landmodels import sipnet
from masm.hierarchical import site_problem
from masm.observations.dataset import as_streams
from masm.problem.priors import Prior

Array = NDArray[np.float64]

_FLUXES: dict[str, Prior] = {
    "psnTMin": masm.Uniform(-8.0, 8.0),
    "psnTOpt": masm.Uniform(12.0, 30.0),
    "halfSatPar": masm.Uniform(4.0, 27.0),
    "baseVegResp": masm.LogUniform(0.0006, 0.06),
    "baseSoilResp": masm.LogUniform(0.0005, 0.1),
    "wueConst": masm.LogUniform(3.0, 100.0),
    "rdConst": masm.LogUniform(1.0, 1500.0),
}
_EVERGREEN: dict[str, Prior] = {"aMax": masm.Uniform(2.0, 34.0), **_FLUXES}
_DECIDUOUS: dict[str, Prior] = {
    "aMax": masm.Uniform(20.0, 133.0),
    **_FLUXES,
    "gddLeafOn": masm.Uniform(100.0, 900.0),
    "leafOffDay": masm.Uniform(243.0, 319.0),
    "leafGrowth": masm.Uniform(30.0, 252.0),
}


@dataclass(frozen=True)
class Group:
    """Towers of one kind.

    ``error_sd`` is of an 8-day mean of NEE, g m-2 d-1: the rmse of a direct search in
    the calibrated years. Its residuals have a lag-one correlation of 0.3 to 0.6, so
    that values count by ``(1 - 0.45) / (1 + 0.45)``.
    """

    sites: tuple[str, ...]
    priors: masm.Priors
    error_sd: float
    base: Mapping[str, float] = field(default_factory=dict)
    effective_share: float = 0.38


GROUPS = {
    "evergreen": Group(("NL-Loo", "RU-Fyo", "DE-Tha"), masm.Priors(_EVERGREEN), 0.7),
    "deciduous": Group(
        ("US-Ha1", "DE-Hai"),
        masm.Priors(_DECIDUOUS),
        1.15,
        {
            name: float(value)
            for name, value in sipnet.parameter_set("harvard").items()
            if name not in _DECIDUOUS
        },
    ),
}


@dataclass(frozen=True)
class Tower:
    """One tower: its model and NEE of the whole record."""

    name: str
    group: Group
    forcing: xr.Dataset
    nee: xr.DataArray
    first_year: int

    def model(self, theta: object) -> xr.Dataset:
        """Daily NEE of all years, over (sample, time); a dead plant is a failed run."""
        given = {name: np.atleast_1d(value) for name, value in dict(theta).items()}
        n = len(next(iter(given.values())))
        fixed = {name: np.full(n, value) for name, value in self.group.base.items()}
        run = sipnet.simulate_batch(
            self.forcing, {**fixed, **given}, outputs=["nee"], dead_runs="nan",
            inconsistent_parameters="nan",
        )  # fmt: skip
        return sipnet.daily_values(run)[["nee"]]

    def years(self, first: int, last: int) -> xr.DataArray:
        """NEE of some years of the record, counted from 1."""
        start = self.first_year - 1
        return self.nee.sel(time=slice(str(start + first), str(start + last)))


def read_tower(folder: Path, name: str, group: Group) -> Tower:
    """Read a tower's table and make day and night steps of it."""
    sites = pd.read_csv(folder / "sites.csv").set_index("site")
    daily = read_fluxnet_daily(folder / f"{name}_daily.csv.gz")
    weather = daily[["tmin", "tmax", "prec", "shortwave", "vpd"]]
    weather = weather.rename({"shortwave": "srad"})
    weather["vpd"] = (weather["vpd"] / 100.0).assign_attrs(units="hPa")
    forcing = sipnet.half_daily_drivers(weather, latitude=float(sites.loc[name, "lat"]))
    first = int(daily["time"].dt.year[0])
    return Tower(name, group, forcing, daily["nee"], first)


def observed(tower: Tower, last: int, first: int = 2) -> dict[str, masm.Stream]:
    """8-day means of NEE of some years; the second to another by default."""
    errors = masm.Errors(effective_share=tower.group.effective_share)
    return dict(
        as_streams(
            xr.Dataset({"nee": tower.years(first, last)}),
            variance=masm.RelativeVariance(0.0, tower.group.error_sd),
            errors=errors,
        )
    )


def score(
    tower: Tower,
    group: Group,
    theta: Array,
    years: tuple[int, int],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Scores of posterior draws in some years.

    Returns
    -------
    dict
        ``nse``: Nash-Sutcliffe efficiency of daily NEE of the mean over draws;
        ``held``: fraction of 8-day means in the 90 % intervals of draws and errors;
        ``width``: their mean width, g m-2 d-1; ``dead``: fraction of draws whose plant
        dies, which are left out.
    """
    seen = tower.years(*years)
    run = tower.model(dict(zip(group.priors.names, theta.T, strict=True)))["nee"]
    run = run.transpose("sample", "time").sel(time=seen["time"]).to_numpy()
    alive = np.isfinite(run).all(axis=1)
    known = np.isfinite(seen.to_numpy())
    off = run[alive].mean(axis=0)[known] - seen.to_numpy()[known]
    streams = observed(tower, years[1], years[0])
    problem = site_problem(tower.model, streams, group.priors)
    made = problem.run(problem.unit(theta))
    means = made.series[made.ok]
    means = means + group.error_sd * rng.standard_normal(means.shape)
    low, high = np.quantile(means, [0.05, 0.95], axis=0)
    value = problem.likelihood.observed[0].value
    return {
        "nse": 1.0 - float(np.mean(off**2) / np.var(seen.to_numpy()[known])),
        "held": float(np.mean((low <= value) & (value <= high))),
        "width": float(np.mean(high - low)),
        "dead": float(1.0 - alive.mean()),
    }
