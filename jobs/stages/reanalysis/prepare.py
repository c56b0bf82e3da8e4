"""Read and check every input of a reanalysis before anything runs, and keep it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.errors import ConfigError, Problem
from jobs.files import replacing, sweep
from jobs.inputs.judgement import judge_weather
from jobs.inputs.reanalysis_judgement import judge_tables
from jobs.inputs.reanalysis_tables import (
    Observations,
    Sites,
    read_observations,
    read_pools,
    read_sites,
)
from jobs.netcdf_files import write_netcdf
from jobs.run.pixel_files import file_of_posterior
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.stages.reanalysis.members import (
    draw_parameters,
    draw_pools,
    posteriors_of,
    read_weather,
)

if TYPE_CHECKING:
    import xarray as xr

    from jobs.process_models.base import ProcessModel

logger = logging.getLogger(__name__)

_MOST = 5


@dataclass(frozen=True)
class Inputs:
    """Everything a reanalysis is made of, but for the weather.

    Attributes
    ----------
    sites : Sites
    observations : Observations
    parameters : dict of str to (n_sites, n_members)
    pools : dict of str to (n_sites, n_members)
        Empty where the model starts with its own.
    files : dict of str to Path
        Every input file, by its name in the configuration.
    doubts : tuple of str
        What is unlikely of the tables, though not impossible.
    """

    sites: Sites
    observations: Observations
    parameters: dict[str, np.ndarray]
    pools: dict[str, np.ndarray]
    files: dict[str, Path]
    doubts: tuple[str, ...] = ()


def read_inputs(run: ReanalysisRun) -> Inputs:
    """Read and check all but the weather.

    Raises
    ------
    ConfigError
        Naming file, line and value.
    """
    section = run.section
    _refuse_idle_perturbation(run)
    files = {"reanalysis.sites": run.in_folder(section.sites)}
    sites = read_sites(files["reanalysis.sites"])
    files["reanalysis.observations.file"] = run.in_folder(section.observations.file)
    observations = read_observations(
        files["reanalysis.observations.file"],
        sites=sites.names,
        states=run.states,
        cycles=run.cycles,
        within_days=section.observations.within_days,
        least_quality=section.observations.least_quality,
        analysed=run.model.analysed,
    )
    pools = {}
    if section.initial_pools is not None:
        path = files["reanalysis.initial_pools"] = run.in_folder(section.initial_pools)
        pools = read_pools(path, sites=sites.names, analysed=run.model.analysed)
    if section.parameters.draws is not None:
        path = run.in_folder(section.parameters.draws)
        files["reanalysis.parameters.draws"] = path
    for pixel, folder in posteriors_of(run).items():
        files[f"reanalysis.parameters.run {pixel}"] = file_of_posterior(folder)
    files |= {
        f"reanalysis.drivers {site} {member}": path
        for site in sites.names
        for member, path in enumerate(weather_files(run, site))
    }
    parameters = draw_parameters(run, sites)
    drawn = draw_pools(run, pools, parameters)
    doubts = judge_tables(run, files, observations, pools)
    return Inputs(sites, observations, parameters, drawn, files, tuple(doubts))


def weather_files(run: ReanalysisRun, site: str) -> list[Path]:
    """Return the weather file of a site, or that of each member."""
    drivers = run.section.drivers
    members = range(run.section.members) if drivers.is_ensemble else [0]
    return [
        run.in_folder(drivers.files.format(site=site, member=f"{member:03d}"))
        for member in members
    ]


def check_weather(run: ReanalysisRun, inputs: Inputs) -> list[str]:
    """Read the weather of every site, judge it, and make the model's drivers of it.

    Returns
    -------
    list of str
        What is unlikely, though not impossible.

    Raises
    ------
    ConfigError
        For each of the first sites that cannot be run.
    """
    problems: list[Problem] = []
    doubts: list[str] = []
    for k in range(len(inputs.sites.names)):
        try:
            doubts += _weather_of(run, inputs, k)[1]
        except ConfigError as exc:
            problems += exc.problems
        except ValueError as exc:
            problems.append(Problem("", f"site {inputs.sites.names[k]}: {exc}"))
        if len(problems) >= _MOST:
            break
    if problems:
        raise ConfigError(problems[:_MOST])
    return doubts


def prepare(run: ReanalysisRun, inputs: Inputs, on_site: Callable[[int], None]) -> None:
    """Write weather, members and observations as the steps read them."""
    for folder in (run.weather(inputs.sites.names[0]).parent, run.path):
        sweep(folder)  # no other process prepares this run
    problems: list[Problem] = []
    for k, site in enumerate(inputs.sites.names):
        try:
            weather, doubts = _weather_of(run, inputs, k)
        except ConfigError as exc:
            problems += exc.problems
        except ValueError as exc:
            problems.append(Problem("", f"site {site}: {exc}"))
        else:
            for doubt in doubts:
                logger.warning("%s", doubt)
            if not problems:
                with replacing(run.weather(site)) as aside:
                    write_netcdf(weather, aside)
        if len(problems) >= _MOST:
            break
        on_site(1)
    if problems:
        raise ConfigError(problems[:_MOST])
    with replacing(run.members) as aside:
        write_netcdf(_members(run, inputs), aside)
    with replacing(run.prepared) as aside:
        write_netcdf(_observations(run, inputs), aside)


def _weather_of(
    run: ReanalysisRun, inputs: Inputs, site: int
) -> tuple[xr.Dataset, list[str]]:
    """The weather of a site, over (source, time), once made into drivers; and doubts.

    Faults of a file are those of all members' files: the first of them is judged.
    """
    import xarray as xr

    from jobs.config.process_model import model_of

    years = (run.section.years.first, run.section.years.last)
    model: ProcessModel = model_of(run.config)
    ground = inputs.sites.ground
    height = float(ground["elevation"][site]) if "elevation" in ground else None
    parts: list[xr.Dataset] = []
    doubts: list[str] = []
    for path in weather_files(run, inputs.sites.names[site]):
        one = read_weather(path, inputs.sites, site, years)
        if not parts:
            doubts = [
                f"{path}: {doubt}"
                for doubt in judge_weather(
                    one, float(inputs.sites.latitude[site]), height, str(path)
                )
            ]
        model.drivers(one, str(path))
        parts.append(one.drop_attrs(deep=False))
    first = parts[0]["time"]
    for path, one in zip(
        weather_files(run, inputs.sites.names[site]), parts, strict=True
    ):
        if not one["time"].equals(first):
            raise ConfigError(
                Problem(
                    str(path),
                    "a member's weather of other days",
                    found=f"{one.sizes['time']} days",
                    wanted=f"the {first.size} days of the first member",
                )
            )
    together = xr.concat(parts, "source", coords="minimal", data_vars="all")
    # Places and grounds are the same for all members.
    for name in ("lat", "sand", "clay", "elevation"):
        if name in together:
            together[name] = together[name].isel(source=0, drop=True)
    return together, doubts


def _members(run: ReanalysisRun, inputs: Inputs) -> xr.Dataset:
    import xarray as xr

    shape = (len(inputs.sites.names), run.section.members)
    names = list(inputs.parameters)
    values = (
        np.stack(list(inputs.parameters.values()), axis=-1)
        if names
        else np.empty((*shape, 0))
    )
    found = xr.Dataset(
        {"parameters": (("site", "member", "parameter"), values)},
        coords={"site": inputs.sites.names, "parameter": names},
    )
    for name, pool in inputs.pools.items():
        found[f"initial_{name}"] = (("site", "member"), pool)
    return found


def _observations(run: ReanalysisRun, inputs: Inputs) -> xr.Dataset:
    import xarray as xr

    dims = ("analysis", "site", "state")
    days = [cycle.last for cycle in run.cycles if cycle.is_analysed]
    return xr.Dataset(
        {
            "value": (dims, inputs.observations.value),
            "sd": (dims, inputs.observations.sd),
            "longitude": ("site", inputs.sites.longitude, {"units": "degrees_east"}),
            "latitude": ("site", inputs.sites.latitude, {"units": "degrees_north"}),
        },
        coords={
            "analysis": np.array(days, "datetime64[ns]"),
            "site": inputs.sites.names,
            "state": run.states,
        },
    )


def _refuse_idle_perturbation(run: ReanalysisRun) -> None:
    """Refuse an error of weather that the model does not read."""
    rule = run.section.drivers.perturbation
    problems = [
        run.problem(
            ["reanalysis", "drivers", "perturbation", name],
            found=f"{size:g}",
            wanted=f"of {run.config.model.name} only "
            f"{', '.join(run.model.perturbed)}: it makes its own {name}",
        )
        for name, size in rule
        if size and name not in run.model.perturbed
    ]
    if problems:
        raise ConfigError(problems)
