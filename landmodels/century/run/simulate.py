"""Run the model: one parameter vector or many, in one cell or many."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.physics import kernel
from landmodels.century.physics.layout import (
    PARAMETER_TYPE,
    SITE_TYPE,
    WEATHER_TYPE,
)
from landmodels.century.run.equilibrium import (
    annual_precipitation,
    label_spinup,
    lane_dims,
    shape_of,
    solve_lanes,
    state_variable,
)
from landmodels.century.run.outputs import Recording, state_names
from landmodels.century.run.task import (
    Task,
    advance,
    following_year,
    make_task,
    make_weather,
    new_rows,
    records,
    state_array,
)
from landmodels.century.spinup_weather import detrended
from landmodels.errors import InputError
from landmodels.spinup import Equilibrium
from landmodels.spinup import warm_up as warm_up_search

logger = logging.getLogger(__name__)

SPINUPS = ("equilibrium", "run", "start")


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
    clean = validate_forcing(forcing, co2=co2_effect)
    after = following_year(following, clean)
    recording = Recording.choose(outputs)
    slot, n_slots = _windows(window, clean.sizes["time"])
    _check_options(spinup, spinup_cycles, depth_factor)
    spin = _spinup_years(clean, spinup_forcing, initial_state is not None, spinup)
    task = make_task(
        clean, annual_precipitation(spin), parameters, variant, ecosystem,
        surface_texture_co2,
    )  # fmt: skip
    weather = make_weather(clean, co2_effect, after)
    state = state_array(initial_state, task)
    found: list[Equilibrium] = []
    if state is None and spinup != "start":
        spin_weather = make_weather(_first_co2(spin, clean, co2_effect), co2_effect)
        if spinup == "equilibrium":
            found = solve_lanes(task, spin_weather, threads)
            state = np.stack([e.state for e in found])
        else:
            state, _ = advance(task, spin_weather, None, spinup_cycles, threads=threads)
    final, out = advance(
        task, weather, state, 1, recording.columns, slot, n_slots, threads
    )
    known = np.zeros(task.n_lanes, bool)
    if state is not None:
        known = ~np.isfinite(state).all(axis=1)
    final, out = _only_numbers(task, final, out, slot, known)
    result = _dataset(task, recording, parameters, clean, final, out, window,
                      float(depth_factor))  # fmt: skip
    if found:
        result = result.merge(label_spinup(found, task, lane_dims(task, parameters)))
    used = "initial_state" if initial_state is not None else spinup
    return result.assign_attrs(
        {**clean.attrs, **_facts(task, used, spinup_cycles, co2_effect),
         "depth_factor": float(depth_factor)}
    )  # fmt: skip


def _check_options(spinup: str, cycles: int, depth_factor: float) -> None:
    if spinup not in SPINUPS:
        raise InputError(
            "spinup", found=repr(spinup), wanted=" or ".join(map(repr, SPINUPS))
        )
    if int(cycles) != cycles or cycles < 1:
        raise InputError("spinup_cycles", found=str(cycles), wanted="1 or more")
    if not 0.1 <= float(depth_factor) <= 10.0:
        raise InputError("depth_factor", found=str(depth_factor), wanted="0.1 to 10")


def _spinup_years(
    clean: xr.Dataset, given: xr.Dataset | None, continues: bool, spinup: str
) -> xr.Dataset:
    """Checked weather of the spin-up; of the run itself where there is none."""
    if given is not None:
        if continues:
            raise InputError(
                "spinup_forcing", found="given together with initial_state",
                wanted="one of them", hint="A continued run has no spin-up.",
            )  # fmt: skip
        checked = validate_forcing(given, where="spinup_forcing")
        if checked.sizes.get("cell", 1) != clean.sizes.get("cell", 1):
            raise InputError(
                "spinup_forcing", found=f"{checked.sizes.get('cell', 1)} cells",
                wanted=f"{clean.sizes.get('cell', 1)}, as in the forcing",
            )  # fmt: skip
        if not np.all(checked["lat"].values == clean["lat"].values):
            raise InputError(
                "spinup_forcing.lat", found=f"{checked['lat'].values}",
                wanted="the latitude of the forcing",
            )  # fmt: skip
        return checked
    if continues or (spinup == "start" and clean.sizes["time"] < 120):
        return clean
    return detrended(clean)


def _first_co2(spin: xr.Dataset, clean: xr.Dataset, co2_effect: bool) -> xr.Dataset:
    """Spin-up weather with the CO2 of the first year of the run (section 11)."""
    if not co2_effect:
        return spin
    first = clean["co2"].isel(time=slice(0, 12)).mean("time")
    return spin.assign(co2=first.expand_dims(time=spin["time"].values, axis=-1))


def _windows(window: Any, n: int) -> tuple[np.ndarray, int]:
    """Number of each month's window, and of windows."""
    if window is None:
        return np.arange(n), n
    given = np.asarray(window)
    whole = given.dtype.kind in "iu"
    if given.shape != (n,) or not whole or given.min() < -1 or given.max() < 0:
        raise InputError(
            "window", found=f"shape {given.shape} of {given.dtype}",
            wanted=f"{n} whole numbers, -1 for a month that is left out",
        )  # fmt: skip
    return given.astype(np.int64), int(given.max()) + 1


def _only_numbers(task, final, out, slot, known):
    """Means over windows; NaN in lanes whose run broke down, said once.

    Lanes that began without numbers are ``known``: the kind of their spin-up says so.
    """
    counts = np.bincount(slot[slot >= 0], minlength=out.shape[1])
    if counts.max(initial=1) > 1 or counts.min(initial=1) == 0:
        with np.errstate(invalid="ignore"):
            out /= np.where(counts > 0, counts, np.nan)[:, None]
    bad = ~np.isfinite(final).all(axis=1)
    if bad.any():
        final[bad] = np.nan
        out[bad] = np.nan
    broken = bad & ~known
    if broken.any():
        n_cells = task.sites.size
        at = int(np.argmax(broken))
        logger.warning(
            "%d of %d runs gave no numbers, first sample %d in cell %d",
            int(broken.sum()), bad.size, at // n_cells, at % n_cells,
        )  # fmt: skip
    return final, out


def _dataset(task, recording, parameters, clean, final, out, window, depth_factor):
    dims = lane_dims(task, parameters)
    last = "time" if window is None else "window"
    shape = (*shape_of(task, dims), *out.shape[1:])
    result = recording.dataset(out.reshape(shape), (*dims, last), depth_factor)
    if window is None:
        result = result.assign_coords(time=clean["time"])
        result["time"].attrs = {"standard_name": "time", "long_name": "month"}
    if recording.final_state:
        result["final_state"] = state_variable(final, task, dims)
        result = result.assign_coords(state=state_names())
    return result.assign_coords({n: c for n, c in clean.coords.items() if n != "time"})


def _facts(task: Task, spinup: str, cycles: int, co2_effect: bool) -> dict[str, Any]:
    facts = {
        "variant": 45 if task.variant45 else 46,
        "spinup": spinup,
        "co2_effect": "on" if co2_effect else "off",
        "surface_texture_co2": "on" if task.surface_texture_co2 else "off",
    }
    if spinup == "run":
        facts["spinup_cycles"] = int(cycles)
    return facts


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
