"""A synthetic twin of a network of sites: weather, pools, a truth, observations of it.

The truth is one more member: its parameters, weather errors and pools are drawn as
those of the members are, and at every analysis day the stated process error is added to
its state. So a filter that knows the errors can be judged by its spread.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jobs.config.process_model import model_of
from jobs.files import write_text
from jobs.run.reanalysis_run import ReanalysisRun
from jobs.run.seeds import RunStream
from jobs.stages.reanalysis.members import lognormal, perturbed

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

# The member whose errors the truth has; beyond all members that a run can have.
_TRUTH = 1_000_000
_LABEL = "# SYNTHETIC: made by masm, nothing was measured\n"


@dataclass(frozen=True)
class Network:
    """What a twin is made with.

    Attributes
    ----------
    n_sites : int
        Spread over the eastern half of the United States.
    pools : dict of str to (mean, sd)
        Initial pools, the same distribution at every site.
    observed : dict of str to (first_year, sd)
        States that are observed each year from the year of this number on (0 the
        first), with the sd of the error as a fraction of the true value.
    unobserved : dict of str to int
        A site, by its number, where a state is never observed.
    """

    n_sites: int = 4
    pools: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {
            "above_ground_wood": (8000.0, 1600.0),
            "lai": (3.5, 0.7),
            "soil_carbon": (12000.0, 2400.0),
        }
    )
    observed: Mapping[str, tuple[int, float]] = field(
        default_factory=lambda: {"above_ground_wood": (0, 0.08), "lai": (1, 0.10)}
    )
    unobserved: Mapping[str, int] = field(default_factory=lambda: {"lai": 1})


def write_twin(run: ReanalysisRun, network: Network) -> None:
    """Write the files that a reanalysis' configuration names, as a synthetic twin.

    Sites, weather, initial pools, observations, and ``truth.csv`` with the true states
    on every analysis day.
    """
    places = _places(run, network)
    truth = []
    for k, (name, _, latitude) in enumerate(places):
        weather = _weather(run, k, latitude)
        _write_weather(run, name, weather)
        truth.append(_true_states(run, network, k, weather))
    folder = run.config.folder
    rows = [f"{name},{lon:.4f},{lat:.4f}" for name, lon, lat in places]
    _write(folder / run.section.sites, "site,longitude,latitude", rows)
    names = [name for name, _, _ in places]
    _write_pools(run, network, names)
    _write_truth(run, names, np.array(truth))
    _write_observations(run, network, names, np.array(truth))


def other_truths(run: ReanalysisRun, network: Network, seeds: Sequence[int]) -> Array:
    """States that the truths of other seeds have in the weather of this run.

    Parameters
    ----------
    run : ReanalysisRun
        A twin.
    network : Network
        What it was made with.
    seeds : sequence of int
        Of the truths: their parameters, pools, process and weather errors.

    Returns
    -------
    ndarray (n_seeds, n_sites, n_analyses, n_states)
    """
    runs = [
        replace(run, config=run.config.model_copy(update={"seed": seed}))
        for seed in seeds
    ]
    found = []
    for k, (_, _, latitude) in enumerate(_places(run, network)):
        weather = _weather(run, k, latitude)
        found.append([_true_states(other, network, k, weather) for other in runs])
    return np.array(found).swapaxes(0, 1)


def _write(path: Path, header: str, rows: list[str]) -> None:
    write_text(path, _LABEL + "\n".join([header, *rows]) + "\n")


def _places(run: ReanalysisRun, network: Network) -> list[tuple[str, float, float]]:
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_WEATHER])
    lon = rng.uniform(-92.0, -72.0, network.n_sites)
    lat = rng.uniform(35.0, 45.0, network.n_sites)
    return [
        (f"site{k:03d}", round(float(lon[k]), 4), round(float(lat[k]), 4))
        for k in range(network.n_sites)
    ]


def _weather(run: ReanalysisRun, site: int, latitude: float) -> xr.Dataset:
    """Generated weather, from a year before the first."""
    import landdata

    years = run.section.years
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_WEATHER, site + 1])
    normals = replace(landdata.harvard_normals(), lat=latitude)
    found = landdata.generate_weather(normals, (years.first - 1, years.last), rng)
    light = landdata.shortwave_of(found, "generated weather")
    deficit = landdata.vapour_pressure_deficit_of(found, "generated weather")
    daily = found[["tmin", "tmax", "prec"]].assign(
        shortwave=("time", light, {"units": "MJ m-2 d-1"}),
        vpd=("time", deficit, {"units": "Pa"}),
        lat=latitude,
    )
    # As the files will hold it, so that the truth has the members' weather.
    digits = {"tmin": 2, "tmax": 2, "prec": 2, "shortwave": 3, "vpd": 1}
    for name, n in digits.items():
        daily[name] = daily[name].round(n)
    return daily


def _write_weather(run: ReanalysisRun, site: str, weather: xr.Dataset) -> None:
    import pandas as pd

    table = pd.DataFrame(
        {
            "date": weather["time"].dt.strftime("%Y-%m-%d").to_numpy(),
            "tmin": weather["tmin"].to_numpy(),
            "tmax": weather["tmax"].to_numpy(),
            "srad": weather["shortwave"].to_numpy(),
            "vpd": weather["vpd"].to_numpy() / 100.0,
            "prec": weather["prec"].to_numpy(),
        }
    )
    text = io.StringIO()
    table.to_csv(text, index=False, float_format="%.6g")
    path = run.in_folder(run.section.drivers.files.format(site=site, member="000"))
    write_text(path, text.getvalue())


def _true_parameters(run: ReanalysisRun) -> dict[str, Array]:
    """The true parameters, shared by all sites as those of a member are."""
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_TRUTH])
    prior = run.section.parameters.prior or {}
    return {
        name: np.array([low + (high - low) * rng.random()])
        for name, (low, high) in prior.items()
    }


def _true_states(
    run: ReanalysisRun, network: Network, site: int, weather: xr.Dataset
) -> Array:
    """States of the truth on every analysis day, (n_analyses, n_states)."""
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_TRUTH, site + 1])
    model, states = run.model, run.states
    parameters = _true_parameters(run)
    model.check_members(parameters, "the truth of a twin")
    pools = {
        name: lognormal(np.array([mean]), np.array([sd]), rng.standard_normal(1))
        for name, (mean, sd) in network.pools.items()
    }
    mine = perturbed(
        weather, run.section.drivers.perturbation, _TRUTH, 1, run.config.seed
    )
    drivers = model_of(run.config).drivers(mine, "generated weather")
    error = np.array([run.section.filter.process_error[name] for name in states])
    columns = [list(model.analysed).index(name) for name in states]
    state, found = None, []
    for dates in run.cycles:
        if not dates.is_analysed:
            continue
        days = drivers.sel(time=slice(str(dates.first), str(dates.last)))
        ran = model.run_members(
            [days], parameters, run.section.outputs, state=state,
            pools=pools if state is None else None,
        )  # fmt: skip
        values = model.analysed_of(ran.state, parameters)[0, columns]
        values = np.maximum(values + error * rng.standard_normal(len(states)), 0.0)
        after = model.update_state(
            ran.state, {n: values[[k]] for k, n in enumerate(states)}, parameters
        )
        state = after.state
        found.append(values)
    return np.array(found)


def _write_pools(run: ReanalysisRun, network: Network, names: list[str]) -> None:
    if run.section.initial_pools is None:
        return
    header = "site," + ",".join(f"{name},{name}_sd" for name in network.pools)
    pools = ",".join(f"{mean:g},{sd:g}" for mean, sd in network.pools.values())
    _write(
        run.in_folder(run.section.initial_pools), header,
        [f"{name},{pools}" for name in names],
    )  # fmt: skip


def _analysis_days(run: ReanalysisRun) -> list[str]:
    return [str(one.last) for one in run.cycles if one.is_analysed]


def _write_truth(run: ReanalysisRun, names: list[str], truth: Array) -> None:
    rows = [
        f"{name},{day}," + ",".join(f"{value:.6g}" for value in truth[k, j])
        for k, name in enumerate(names)
        for j, day in enumerate(_analysis_days(run))
    ]
    path = run.in_folder(run.section.truth or "truth.csv")
    _write(path, "site,date," + ",".join(run.states), rows)


def _write_observations(
    run: ReanalysisRun, network: Network, names: list[str], truth: Array
) -> None:
    """Truth plus an error whose sd is a fraction of the truth; none below zero."""
    rng = np.random.default_rng([run.config.seed, *RunStream.TWIN_NOISE])
    rows = []
    for k, name in enumerate(names):
        for j, day in enumerate(_analysis_days(run)):
            for state, (first, fraction) in network.observed.items():
                noise = rng.standard_normal()
                if j < first or network.unobserved.get(state) == k:
                    continue
                true = truth[k, j, run.states.index(state)]
                mean = network.pools[state][0]
                sd = fraction * mean
                value = max(true + sd * noise, 0.0)
                rows.append(f"{name},{day},{state},{value:.6g},{sd:.6g}")
    path = run.in_folder(run.section.observations.file)
    _write(path, "site,date,state,value,sd", rows)
