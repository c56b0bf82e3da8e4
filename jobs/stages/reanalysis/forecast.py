"""One forecast step: the members of a block of sites, from one analysis to the next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.process_model import model_of
from jobs.errors import ConfigError, Problem
from jobs.files import replacing
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.run.reanalysis_run import CycleDates, ReanalysisRun, open_reanalysis
from jobs.stages.reanalysis.members import perturbed

if TYPE_CHECKING:
    import xarray as xr

    from jobs.process_models.base import MemberRun

BLOCKS = 10_000
"""Most blocks of sites; a unit's number is ``cycle * BLOCKS + block``."""

# Drivers are made with so many days before the first: soil temperature remembers.
_BEFORE = 365


def block_of_sites(run: ReanalysisRun, block: int, n_sites: int) -> range:
    """Return the places of a block's sites."""
    size = run.section.sites_per_task
    return range(block * size, min((block + 1) * size, n_sites))


def n_blocks(run: ReanalysisRun, n_sites: int) -> int:
    """Return the number of blocks of sites."""
    return -(-n_sites // run.section.sites_per_task)


def forecast_unit(path: Path, number: int) -> None:
    """Run one block of sites through one cycle and write its forecast."""
    run = open_reanalysis(path)
    cycle, block = divmod(number, BLOCKS)
    dates = run.cycles[cycle]
    members = read_netcdf(run.members)
    names = [str(name) for name in members["site"].to_numpy()]
    places = block_of_sites(run, block, len(names))
    start = read_netcdf(run.restart(cycle - 1, block)) if cycle else None
    runs = [
        _run_site(
            run, dates, members.isel(site=k),
            None if start is None else start.isel(site=k - places.start),
        )
        for k in places
    ]  # fmt: skip
    found = _labelled(run, members.isel(site=list(places)), runs, start)
    packing = {
        name: {"zlib": True, "complevel": 1, "dtype": "float32"}
        for name in run.section.outputs
    }
    packing["whole_state"] = {"zlib": True, "complevel": 1}
    with replacing(run.forecast(cycle, block)) as aside:
        write_netcdf(found, aside, encoding=packing)


def lineage_of(start: xr.Dataset | None, n_members: int) -> np.ndarray:
    """Return whose parameters and weather each member has; particles change places."""
    if start is None:
        return np.arange(n_members)
    return start["lineage"].to_numpy().astype(int)


def _run_site(
    run: ReanalysisRun,
    dates: CycleDates,
    members: xr.Dataset,
    start: xr.Dataset | None,
) -> MemberRun:
    """Run the members of one site."""
    site = str(members["site"].item())
    lineage = lineage_of(start, run.section.members)
    parameters = parameters_of(members, lineage)
    pools = {
        str(name).removeprefix("initial_"): members[name].to_numpy()
        for name in members.data_vars
        if str(name).startswith("initial_")
    }
    drivers = _drivers(run, dates, site, lineage)
    found = run.model.run_members(
        drivers,
        parameters,
        run.section.outputs,
        state=None if start is None else start["whole_state"].to_numpy(),
        pools=pools if start is None and pools else None,
    )
    bad = ~np.isfinite(found.state).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        values = {name: float(v[first]) for name, v in parameters.items()}
        raise ConfigError(
            Problem(
                f"site {site}, {dates.first} to {dates.last}",
                f"the model failed in {int(bad.sum())} of {bad.size} members",
                found=f"a state that is no number in member {first}, parameters "
                + ", ".join(f"{k} {v:.4g}" for k, v in values.items()),
                wanted="members that all run",
                hint="Narrow the parameters, or look at the weather of these days.",
            )
        )
    return found


def parameters_of(members: xr.Dataset, lineage: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parameters at one site, (member,) each."""
    values = members["parameters"].to_numpy()[lineage]
    names = [str(name) for name in members["parameter"].to_numpy()]
    return {name: values[:, k] for k, name in enumerate(names)}


def _drivers(
    run: ReanalysisRun, dates: CycleDates, site: str, lineage: np.ndarray
) -> list[xr.Dataset]:
    """Drivers of each member; members with the same weather share one object."""
    weather = read_netcdf(run.weather(site)).sel(
        time=slice(str(dates.first - _BEFORE), str(dates.last))
    )
    rule, model = run.section.drivers.perturbation, model_of(run.config)
    differs = any(size for _, size in rule)
    made: dict[tuple[int, int], xr.Dataset] = {}
    found = []
    for member in lineage:
        source = int(member) if weather.sizes["source"] > 1 else 0
        key = (source, int(member) if differs else 0)
        if key not in made:
            one = perturbed(
                weather.isel(source=source, drop=True), rule, int(member),
                run.section.members, run.config.seed,
            )  # fmt: skip
            drivers = model.drivers(one, f"site {site}, member {member}")
            made[key] = drivers.sel(time=slice(str(dates.first), str(dates.last)))
        found.append(made[key])
    return found


def _labelled(
    run: ReanalysisRun,
    members: xr.Dataset,
    runs: list[MemberRun],
    start: xr.Dataset | None,
) -> xr.Dataset:
    import xarray as xr

    lineage = lineage_of(start, run.section.members)
    analysed = np.stack(
        [
            run.model.analysed_of(
                one.state, parameters_of(members.isel(site=k), lineage)
            )
            for k, one in enumerate(runs)
        ]
    )
    every = list(run.model.analysed)
    daily = xr.concat(
        [one.daily for one in runs], "site", coords="minimal", compat="override"
    ).transpose("site", "member", "time")
    return xr.Dataset(
        {
            **{name: daily[name] for name in run.section.outputs},
            "whole_state": (
                ("site", "member", "entry"),
                np.stack([one.state for one in runs]),
            ),
            "quantities": (("site", "member", "quantity"), analysed),
        },
        coords={
            "site": members["site"],
            "time": daily["time"],
            "quantity": every,
        },
    )
