"""Run the model: one parameter vector or many, in one cell or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.physics import kernel
from landmodels.century.physics.layout import (
    PARAMETER_TYPE,
    SITE_TYPE,
    WEATHER_TYPE,
)
from landmodels.century.run.equilibrium import (
    label_spinup,
    lane_dims,
    shape_of,
    state_variable,
)
from landmodels.century.run.outputs import state_names
from landmodels.century.run.simulator import Simulator
from landmodels.century.run.task import new_rows, records
from landmodels.errors import InputError
from landmodels.spinup import warm_up as warm_up_search


def simulate(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any] | None = None,
    **keywords: Any,
) -> xr.Dataset:
    """Simulate one parameter vector, in one cell or in many.

    Parameters
    ----------
    forcing : xarray.Dataset
        Monthly weather over ``time`` and the site, with or without a dimension
        ``cell``; see :func:`landmodels.century.validate_forcing`.
    parameters : mapping or xarray.Dataset, optional
        Any subset of the ids of :func:`landmodels.century.parameter_table`, in its
        units; DataArrays may run over ``cell``. The rest takes its default.
    **keywords
        All of :func:`simulate_batch`.

    Returns
    -------
    xarray.Dataset
        As for :func:`simulate_batch`, over ([cell,] time).

    Raises
    ------
    InputError
        If forcing, parameters, state or options cannot be used; nothing has run.

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
    >>> result = simulate(forcing, {"prdx_1": 0.6})
    >>> str(result["spinup_kind"].values)
    'periodic'
    >>> result["nep"].attrs["units"]
    'g m-2 month-1'
    """
    result = simulate_batch(forcing, parameters, **keywords)
    if "sample" in result.dims:
        if result.sizes["sample"] != 1:
            raise InputError(
                "parameters", found=f"{result.sizes['sample']} samples", wanted="one",
                hint="Use simulate_batch for many.",
            )  # fmt: skip
        return result.isel(sample=0, drop=True)
    return result


def simulate_batch(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any] | None = None,
    *,
    variant: int | str = 46,
    ecosystem: str | None = None,
    co2_effect: bool = False,
    surface_texture_co2: bool = False,
    spinup: str = "equilibrium",
    spinup_forcing: xr.Dataset | None = None,
    spinup_cycles: int = 400,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    following: xr.Dataset | None = None,
    depth_factor: float = 1.0,
    outputs: Sequence[str] | None = None,
    window: Any = None,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate many parameter vectors, in one cell or in many.

    Parameters
    ----------
    forcing : xarray.Dataset
        As for :func:`simulate`.
    parameters : mapping or xarray.Dataset
        Arrays over ``sample``, or DataArrays over ``sample``, ``cell`` or both.
    variant : {46, 45}
        46 is the product; 45 is the public program with its slips, for checks only.
    ecosystem : {"meadow", "steppe"}, optional
        Class of the parameter defaults, where the forcing has no ``ecosystem``;
        meadow by default.
    co2_effect : bool
        Whether CO2 acts on production, transpiration and C:N of shoots; needs co2.
    surface_texture_co2 : bool
        Whether ``p1co2b_1`` acts. In the public program it does not.
    spinup : {"equilibrium", "run", "start"}
        "equilibrium": the state that repeats after one pass through the spin-up
        weather. "run": the state after ``spinup_cycles`` passes from the start
        state, which is no equilibrium. "start": the start state itself.
    spinup_forcing : xarray.Dataset, optional
        Spin-up years, used as they are; by default the first ten years of the
        forcing without their trend (:func:`spinup_weather`).
    spinup_cycles : int
        Passes of "run"; 400 passes of ten years are the protocol's 4,000 years.
    initial_state : xarray.Dataset or xarray.DataArray, optional
        The result of an earlier run, or its ``final_state``. The run continues it
        exactly, and there is no spin-up.
    following : xarray.Dataset, optional
        Forcing of the year after the last, whose precipitation counts in the last
        growing season; by default the first year's.
    depth_factor : float
        What ``soc`` is multiplied with, to stand for another depth than the 0-20 cm
        of the pools. It is stated in the result.
    outputs : sequence of str, optional
        Variables to report; all of them and ``final_state`` by default.
    window : array of int, optional
        Number of the window of each month, or -1. The result then holds means over
        windows, with a dimension ``window`` in the place of ``time``.
    threads : int
        Groups of lanes run at once. It changes no bit of the result.

    Returns
    -------
    xarray.Dataset
        Each variable with its units over ([sample,] [cell,] time): npp, rh and nep
        [g m-2 month-1] (uptake is positive), soc [g m-2], pools and water stores at
        the end of the month, and more; ``final_state``; for the equilibrium
        ``spinup_kind`` and its cost. A lane without a steady state, or whose run
        gives no numbers, holds NaN and leaves the others alone. The attributes
        state variant, spin-up, CO2 effect and depth factor.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    References
    ----------
    Parton et al. 1987, 1993; Metherell et al. 1993; Zhao et al. 2022 (Table 1).

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
    >>> batch = simulate_batch(
    ...     forcing, {"prdx_1": [0.4, 0.6]}, outputs=["nep", "soc"]
    ... )
    >>> dict(batch["soc"].sizes)
    {'sample': 2, 'time': 120}
    >>> bool((batch["soc"][1] > batch["soc"][0]).all())
    True
    """
    simulator = Simulator(
        forcing, variant=variant, ecosystem=ecosystem, co2_effect=co2_effect,
        surface_texture_co2=surface_texture_co2, spinup=spinup,
        spinup_forcing=spinup_forcing, spinup_cycles=spinup_cycles,
        following=following, depth_factor=depth_factor, outputs=outputs,
        window=window, threads=threads, continues=initial_state is not None,
    )  # fmt: skip
    return _dataset(simulator, parameters, initial_state)


def _dataset(simulator: Simulator, parameters: Any, initial_state: Any) -> xr.Dataset:
    """Run, and name what comes back."""
    ran = simulator.run(parameters, initial_state)
    task, clean, recording = ran.task, simulator.clean, simulator.recording
    dims = lane_dims(task, parameters)
    last = "time" if simulator.window is None else "window"
    shape = (*shape_of(task, dims), *ran.out.shape[1:])
    result = recording.dataset(
        ran.out.reshape(shape), (*dims, last), simulator.depth_factor
    )
    if simulator.window is None:
        result = result.assign_coords(time=clean["time"])
        result["time"].attrs = {"standard_name": "time", "long_name": "month"}
    if recording.final_state:
        result["final_state"] = state_variable(ran.final, task, dims)
        result = result.assign_coords(state=state_names())
    result = result.assign_coords({n: c for n, c in clean.coords.items()
                                   if n != "time"})  # fmt: skip
    if ran.found:
        result = result.merge(label_spinup(ran.found, task, dims))
    return result.assign_attrs(
        {**clean.attrs, **simulator.facts(), "depth_factor": simulator.depth_factor}
    )


def warm_up() -> None:
    """Compile the kernel into its cache on disk, some ten seconds.

    Later processes on the same kind of machine then start at once.

    Examples
    --------
    >>> from landmodels.century import warm_up
    >>> warm_up()
    """
    rows = new_rows(0)
    lanes = records(rows)
    parameters = np.zeros(0, dtype=PARAMETER_TYPE)
    sites = np.zeros(0, dtype=SITE_TYPE)
    none = np.zeros(0, dtype=np.int64)
    months = np.zeros((0, 12), dtype=WEATHER_TYPE)
    empty = np.zeros((0, 12))
    kernel.prepare(empty, empty, empty, empty, np.zeros(0), months)
    kernel.set_lane_constants(lanes, parameters, sites, none, False, False)
    kernel.run_lanes(
        lanes, rows, parameters, sites, months, empty, none, False, 0, False, False,
        none, none, np.zeros((0, 0, 0)),
    )  # fmt: skip
    warm_up_search()
