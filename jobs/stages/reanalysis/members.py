"""What a member is: its parameters, its weather and its initial pools.

A member keeps them over all years and restarts. Every number comes from the run's
seed and the place of the member, the site or the year.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from jobs.config.process_model import model_of
from jobs.config.reanalysis import Perturbation
from jobs.errors import ConfigError, Problem
from jobs.inputs.reanalysis_tables import Sites, read_draws
from jobs.run.folder import PixelFolder
from jobs.run.pixel_files import has_posterior, read_result
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.run.seeds import RunStream

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

_VARIABLES = ("temperature", "precipitation", "shortwave", "vpd")
_NAMES = {"precipitation": "prec", "shortwave": "shortwave", "vpd": "vpd"}


def draw_parameters(run: ReanalysisRun, sites: Sites) -> dict[str, Array]:
    """Draw the members' parameters, (n_sites, n_members) each.

    Raises
    ------
    ConfigError
        If a calibration run or a table of draws cannot be used, or the model cannot
        run with what was drawn.
    """
    section = run.section
    rng = np.random.default_rng([run.config.seed, *RunStream.MEMBER_PARAMETERS])
    shape = (len(sites.names), section.members)
    chosen = section.parameters
    if chosen.prior is not None:
        scores = uncorrelated(rng.standard_normal((section.members, len(chosen.prior))))
        found = {}
        for k, (name, (low, high)) in enumerate(chosen.prior.items()):
            values = low + (high - low) * special.ndtr(scores[:, k])
            found[name] = np.broadcast_to(values, shape).copy()
    elif chosen.draws is not None:
        found = read_draws(
            run.in_folder(chosen.draws),
            sites=sites.names,
            n_members=section.members,
            known=list(model_of(run.config).parameters),
        )
    else:
        found = _of_calibration(run, sites, rng)
    for k, site in enumerate(sites.names):
        one = {name: values[k] for name, values in found.items()}
        run.model.check_members(one, f"site {site}")
    return found


def posteriors_of(run: ReanalysisRun) -> dict[str, PixelFolder]:
    """Return the posteriors of the calibration run, by the names of its pixels.

    Raises
    ------
    ConfigError
        If it is a run of another model, or has no finished pixel.
    """
    from jobs.run.run import open_run

    if run.section.parameters.run is None:
        return {}
    where = ["reanalysis", "parameters", "run"]
    folder = run.in_folder(run.section.parameters.run)
    other = open_run(folder)
    if other.config.model.name != run.config.model.name:
        raise ConfigError(
            run.problem(
                list(where),
                found=f"a calibration of {other.config.model.name}",
                wanted=f"a calibration of {run.config.model.name}",
            )
        )
    if other.config.model.scaling:
        raise ConfigError(
            run.problem(
                list(where),
                found="a calibration of scaling factors "
                f"({', '.join(other.config.model.scaling)}), which members do not have",
                wanted="a calibration of parameters of the model's table",
                hint="Give draws of the scaled parameters themselves "
                "(reanalysis.parameters.draws).",
            )
        )
    found = {
        pixel.name: other.folder.pixel(pixel.id)
        for pixel in other.pixels
        if has_posterior(other.folder.pixel(pixel.id))
    }
    if not found:
        raise ConfigError(
            run.problem(
                list(where),
                found=f"no posterior.nc in {folder}",
                wanted="a calibration run with finished pixels",
                hint=f"masm calibrate {folder}",
            )
        )
    return found


def _of_calibration(
    run: ReanalysisRun, sites: Sites, rng: np.random.Generator
) -> dict[str, Array]:
    """Draws of the posteriors of a calibration run, by the names of its pixels.

    One number per member picks the draw at every site, so that members keep together
    what they share. Sites without a pixel take draws of all pixels together.
    """
    posteriors: dict[str, dict[str, Array]] = {}
    for pixel, folder in posteriors_of(run).items():
        draws = read_result(folder).groups["posterior"]
        posteriors[pixel] = {
            str(name): draws[name].to_numpy().ravel() for name in draws.data_vars
        }
    known = model_of(run.config).parameters
    names = [name for name in next(iter(posteriors.values())) if name in known]
    pooled = {
        name: np.concatenate([one[name] for one in posteriors.values()])
        for name in names
    }
    fraction = rng.random(run.section.members)
    found = {name: np.empty((len(sites.names), fraction.size)) for name in names}
    for k, site in enumerate(sites.names):
        source = posteriors.get(site, pooled)
        for name in names:
            values = source[name]
            found[name][k] = values[(fraction * values.size).astype(int)]
    return found


def draw_pools(
    run: ReanalysisRun,
    pools: Mapping[str, tuple[Array, Array]],
    parameters: Mapping[str, Array],
) -> dict[str, Array]:
    """Draw initial pools, (n_sites, n_members) each: lognormal of mean and sd.

    At every site they are uncorrelated with each other and with the parameters.
    """
    if not pools:
        return {}
    n_sites = next(iter(pools.values()))[0].size
    z = np.empty((len(pools), n_sites, run.section.members))
    for site in range(n_sites):
        key = [run.config.seed, *RunStream.MEMBER_POOLS, site + 1]
        drawn = np.random.default_rng(key).standard_normal(
            (run.section.members, len(pools))
        )
        given = np.array([values[site] for values in parameters.values()]).T
        z[:, site] = uncorrelated(drawn, given if parameters else None).T
    return {
        name: lognormal(mean[:, None], sd[:, None], z[k])
        for k, (name, (mean, sd)) in enumerate(pools.items())
    }


def uncorrelated(z: Array, given: Array | None = None) -> Array:
    """Move normal scores a little, so that no sampling correlation is left in them.

    Members keep their parameters for all years, so a sampling correlation, about 0.2
    with 20 members, would act at every analysis and at all sites alike. Second-order
    exact sampling (Pham 2001, Monthly Weather Review 129, 1194-1207).

    Parameters
    ----------
    z : (n_members, n_columns)
    given : (n_members, n_given), optional
        What they shall not be correlated with either.

    Returns
    -------
    ndarray, (n_members, n_columns)
        Mean 0, sd 1, no correlation; as they were where there are too few members.

    Examples
    --------
    >>> z = uncorrelated(np.random.default_rng(0).standard_normal((9, 2)))
    >>> bool(abs(np.corrcoef(z.T)[0, 1]) < 1e-12)
    True
    """
    n, k = z.shape
    centred = z - z.mean(axis=0)
    rank = 0
    if given is not None:
        basis, size, _ = np.linalg.svd(given - given.mean(axis=0), full_matrices=False)
        basis = basis[:, size > 1e-9 * max(float(size.max(initial=0.0)), 1e-300)]
        rank = basis.shape[1]
        if n - 1 > k + rank:
            centred = centred - basis @ (basis.T @ centred)
    if n - 1 <= k + rank or not k:
        return z
    left, _, right = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left @ right * np.sqrt(n - 1.0))


def lognormal(mean: Any, sd: Any, z: Array) -> Array:
    """Values of a lognormal with this mean and sd at standard normals; zero stays."""
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.sqrt(np.log1p((sd / mean) ** 2))
        value = mean * np.exp(width * z - 0.5 * width**2)
    return np.where(np.asarray(mean) > 0.0, value, 0.0)


def perturbed(
    weather: xr.Dataset, rule: Perturbation, member: int, n_members: int, seed: int
) -> xr.Dataset:
    """Weather as one member has it: with an error of its own in each year.

    The number of members does not change what a member has.

    Parameters
    ----------
    weather : xarray.Dataset
        Daily, over ``time``.
    rule : Perturbation
    member, n_members : int
    seed : int
        Of the run.
    """
    sizes = {name: getattr(rule, name) for name in _VARIABLES}
    if not any(sizes.values()):
        return weather
    years = weather["time"].dt.year.to_numpy()
    z = np.empty((len(_VARIABLES), years.size))
    for year in np.unique(years):
        stream = [seed, *RunStream.MEMBER_DRIVERS, int(year), member + 1]
        z[:, years == year] = np.random.default_rng(stream).standard_normal(4)[:, None]
    changed = {}
    for name in ("tmin", "tmax"):
        changed[name] = weather[name] + sizes["temperature"] * z[0]
    for row, (key, name) in enumerate(_NAMES.items(), start=1):
        if sizes[key]:
            factor = np.exp(sizes[key] * z[row] - 0.5 * sizes[key] ** 2)
            changed[name] = weather[name] * factor
    for name, values in changed.items():
        values.attrs = weather[name].attrs
    return weather.assign(changed)


def read_weather(
    path: Path, sites: Sites, site: int, years: tuple[int, int]
) -> xr.Dataset:
    """Read the daily weather of a site, from a year before the first if it has that.

    With the ground known the weather is that of all models (`landdata.read_site`);
    without, only what the table itself holds.

    Raises
    ------
    ConfigError
        If there is no file, or it does not cover the years.
    """
    import landdata

    name = sites.names[site]
    if not path.is_file():
        raise ConfigError(
            Problem(
                str(path),
                f"no weather of site {name}",
                found="no such file",
                wanted="a daily table for every site",
                hint="See reanalysis.drivers.files and the table of sites.",
            )
        )
    latitude = float(sites.latitude[site])
    if {"elevation", "sand", "clay"} <= set(sites.ground):
        weather = landdata.read_site(
            path,
            lat=latitude,
            elevation=float(sites.ground["elevation"][site]),
            sand=float(sites.ground["sand"][site]),
            clay=float(sites.ground["clay"][site]),
        )
    else:
        measured = landdata.read_fluxnet_daily(path)
        keep = ("tmin", "tmax", "prec", "shortwave", "vpd", "co2", "pressure", "wind")
        weather = measured[[key for key in keep if key in measured]]
        weather = weather.assign(lat=latitude)
    _refuse_gaps(weather, path, name, years)
    return weather.sel(time=slice(f"{years[0] - 1}-01-01", f"{years[1]}-12-31"))


def _refuse_gaps(
    weather: xr.Dataset, path: Path, site: str, years: tuple[int, int]
) -> None:
    days = weather["time"].to_numpy().astype("datetime64[D]")
    first, last = (
        np.datetime64(f"{years[0]}-01-01"),
        np.datetime64(f"{years[1]}-12-31"),
    )
    if not days.size or days[0] > first or days[-1] < last:
        raise ConfigError(
            Problem(
                str(path),
                f"the weather of site {site} does not cover the years",
                found=f"{days[0]} to {days[-1]}" if days.size else "no day",
                wanted=f"{first} to {last}",
            )
        )
