"""The state that repeats after one pass through the spin-up weather (section 14.3)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.physics.layout import N_STATE, SOM3, SOM12, SOM22, STATE
from landmodels.century.run.outputs import state_names
from landmodels.century.run.task import Stepper, Task, Weather, make_task, make_weather
from landmodels.century.run.task import prepare as prepare_months
from landmodels.spinup import Equilibrium, Settings, solve_cycle


def _stocks() -> np.ndarray:
    """Entries of the state that are solved for: carbon, nitrogen and lignin."""
    names = ("dead_c", "aglivc", "stdedc", "bglivc", "dead_n", "aglive", "stdede",
             "bglive", "crpstg", "strlig", "minerl")  # fmt: skip
    at, chosen = 0, []
    for name, size in STATE:
        if name in names:
            chosen += list(range(at, at + size))
        at += size
    return np.array(chosen)


UNKNOWNS = _stocks()
#: Soil pools whose shift says whether a mean was found; dead_c is first.
SLOW = np.array([SOM12, SOM22, SOM3])
#: Mean years from the start state before the search begins.
FIRST_YEARS = 20
#: What a search can end with.
KINDS = ("periodic", "mean", "none")


def equilibrium(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any] | None = None,
    *,
    variant: int | str = 46,
    ecosystem: str | None = None,
    co2_effect: bool = False,
    surface_texture_co2: bool = False,
    threads: int = 1,
) -> xr.Dataset:
    """Find the state that the model repeats after one pass through the forcing.

    Parameters
    ----------
    forcing : xarray.Dataset
        The spin-up years themselves, such as
        ``spinup_weather(forcing)``; see :func:`landmodels.century.validate_forcing`.
    parameters, variant, ecosystem, co2_effect, surface_texture_co2, threads
        As for :func:`landmodels.century.simulate_batch`.

    Returns
    -------
    xarray.Dataset
        ``final_state`` at the end of the last spin-up year, to be given to
        :func:`landmodels.century.simulate` as ``initial_state``; ``spinup_kind``
        ("periodic": the state repeats; "mean": the orbit does not repeat after one
        pass and the state is at its mean; "none": no state was found, the state
        is NaN); ``spinup_change`` [1], largest relative change of a stock in the
        last pass; ``spinup_site_years``, model years that it cost. Dimensions
        sample and cell as in the input.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> time = pd.date_range("2001-01-01", periods=120, freq="MS")
    >>> wave = -np.cos(2 * np.pi * (time.month.to_numpy() - 1) / 12)
    >>> forcing = xr.Dataset(
    ...     {"tmin": ("time", 12 * wave - 7), "tmax": ("time", 12 * wave + 6),
    ...      "prec": ("time", 45 + 40 * wave, {"units": "mm month-1"})},
    ...     coords={"time": time},
    ...     attrs={"lat": 37.6, "sand": 0.35, "silt": 0.45, "clay": 0.2,
    ...            "bulk_density": 1.1, "ph": 7.5},
    ... )
    >>> found = equilibrium(forcing)
    >>> str(found["spinup_kind"].values), found.attrs["spinup"]
    ('periodic', 'equilibrium')
    >>> int(found["spinup_site_years"]) < 500
    True
    """
    clean = validate_forcing(forcing, co2=co2_effect)
    task = make_task(
        clean, annual_precipitation(clean), parameters, variant, ecosystem,
        surface_texture_co2,
    )  # fmt: skip
    found = solve_lanes(task, make_weather(clean, co2_effect), threads)
    dims = lane_dims(task, parameters)
    dataset = label_spinup(found, task, dims)
    dataset["final_state"] = state_variable(
        np.stack([e.state for e in found]), task, dims
    )
    return dataset.assign_coords(state=state_names()).assign_attrs(
        spinup="equilibrium", variant=45 if task.variant45 else 46
    )


def annual_precipitation(clean: xr.Dataset) -> xr.DataArray:
    """Mean annual precipitation (cm yr-1) of checked forcing."""
    return clean["prec"].mean("time") * 12.0


def lane_dims(task: Task, parameters: Any, always_sample: bool = False) -> tuple:
    """Leading dimensions of a result."""
    over = any(
        "sample" in v.dims if isinstance(v, xr.DataArray) else np.ndim(v) > 0
        for v in (parameters or {}).values()
    )
    dims: tuple[str, ...] = ("sample",) if over or always_sample else ()
    return (*dims, "cell") if task.has_cells else dims


def shape_of(task: Task, dims: tuple) -> tuple[int, ...]:
    """Sizes of the leading dimensions."""
    sizes = {"sample": task.n_samples, "cell": task.sites.size}
    return tuple(sizes[d] for d in dims)


def state_variable(states: np.ndarray, task: Task, dims: tuple) -> tuple:
    """The variable ``final_state``."""
    values = states.reshape(*shape_of(task, dims), N_STATE)
    attrs = {
        "long_name": "model state at the end, to continue from",
        "variant": 45 if task.variant45 else 46,
    }
    return ((*dims, "state"), values, attrs)


def label_spinup(found: list[Equilibrium], task: Task, dims: tuple) -> xr.Dataset:
    """How each lane's steady state was found."""
    shape = shape_of(task, dims)

    def spread(values: list) -> np.ndarray:
        return np.array(values).reshape(shape)

    return xr.Dataset(
        {
            "spinup_kind": (
                dims, spread([e.kind for e in found]),
                {"long_name": "steady state: periodic, mean of an orbit that does not "
                 "repeat, or none"},
            ),
            "spinup_change": (
                dims, spread([e.change for e in found]),
                {"units": "1", "long_name": "relative change in the last pass"},
            ),
            "spinup_site_years": (
                dims, spread([e.site_years for e in found]),
                {"units": "1", "long_name": "model years stepped for the spin-up"},
            ),
        }
    )  # fmt: skip


def solve_lanes(task: Task, weather: Weather, threads: int = 1) -> list[Equilibrium]:
    """Steady state of every lane."""
    lanes = range(task.n_lanes)
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda i: solve_lane(task, weather, i), lanes))
    return [solve_lane(task, weather, i) for i in lanes]


def solve_lane(
    task: Task, weather: Weather, i: int, settings: Settings | None = None
) -> Equilibrium:
    """Steady state of lane ``i``."""
    cell = task.cell[i]
    cycle_weather = Weather(
        weather.months[cell : cell + 1], weather.following[cell : cell + 1]
    )
    means = cycle_weather.mean_year()
    months = prepare_months(means, task.sites["lat"][cell : cell + 1])
    year_weather = Weather(months, np.ascontiguousarray(means[2]))
    single = task.lane(i)
    one = Stepper(single, year_weather)
    many = Stepper(task.lane(i, len(UNKNOWNS) + 1), year_weather)
    start = one.start(FIRST_YEARS)[0]
    years = weather.months.shape[1] // 12
    return solve_cycle(
        many, Stepper(single, cycle_weather), start, UNKNOWNS, SLOW, 1e-6,
        settings or Settings(years_per_cycle=years), FIRST_YEARS,
    )  # fmt: skip
