"""Run the model: one parameter vector, many of them, or many pixels.

All three are the same kernel over lanes; see :mod:`ibis_dalec.physics.time_loop`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.forcing import region_arrays, validate_forcing
from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.run.arguments import Task, make_task, parameter_arrays, state_array
from ibis_dalec.run.lane_blocks import run_lanes
from ibis_dalec.run.outputs import Options, Recording, state_names

#: A canopy whose leaf area never reaches this in a year has collapsed.
_COLLAPSED_LAI = 0.1


def simulate(
    forcing: xr.Dataset,
    parameters: Mapping[str, float] | None = None,
    *,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    spinup_cycles: int = 10,
    settled: float = 0.0,
    lai: Any = None,
    soil_carbon: str = "dalec",
    respiration: str = "dalec",
    turnover: str = "M1",
    initial_pools: Mapping[str, float] | None = None,
    outputs: Sequence[str] | None = None,
) -> xr.Dataset:
    """Simulate one pixel with one parameter vector.

    Parameters
    ----------
    forcing : xarray.Dataset
        Daily weather over ``time``, see :func:`ibis_dalec.validate_forcing`.
    parameters : mapping, optional
        Any subset of the ids of :func:`ibis_dalec.parameter_table`, in its units;
        the rest takes its default.
    initial_state : xarray.Dataset or xarray.DataArray, optional
        The result of an earlier run, or its ``final_state``. The run continues it
        exactly, and there is no spin-up.
    spinup_cycles : int
        Repetitions of the first year before the run. The first ten run the full
        physics; later ones repeat only the slow carbon pools, which feed back on
        nothing. With 0 and no ``initial_state`` the run begins from the cold start.
    settled : float
        The physics of the spin-up ends early, each sample's for itself, once a cycle
        changes the carbon of leaves and labile pool by at most this fraction and the
        rest of what feeds back as little; the cycles that are left repeat the slow
        pools. 0 for never.
    lai : array, optional
        Prescribed leaf area index of each day (1, ground area), instead of DALEC's.
    soil_carbon : {"dalec", "ibis"}
        Where ``rh`` comes from: DALEC's litter and soil pools, or the IBIS pools
        driven by DALEC's litter.
    respiration : {"dalec", "ibis"}
        Where ``ra`` comes from: a fraction of GPP, or IBIS maintenance and growth.
    turnover : {"M1", "M2"}
        Allocation to roots and turnover of wood and roots from the table's
        parameters, or fixed literature values (specification, section 14.2).
    initial_pools : mapping, optional
        Carbon pools of the cold start (g m-2), any of clab, cf, cr, cw, clit, csom.
    outputs : sequence of str, optional
        Variables to report; all of them and ``final_state`` by default.

    Returns
    -------
    xarray.Dataset
        Over ``time``, each variable with its units: lai, gpp, ra, rh, er, nee,
        water fluxes, soil by layer, pools and more; ``final_state``; and
        ``collapsed``, true if the leaf area stays below 0.1 through a year.

    Raises
    ------
    InputError
        If forcing, parameters, state or options cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from ibis_dalec import simulate
    >>> weather = {
    ...     "tmin": (5.0, "degC"), "tmax": (15.0, "degC"), "prec": (2.0, "mm d-1"),
    ...     "wind": (2.0, "m s-1"), "specific_humidity": (0.006, "kg kg-1"),
    ...     "pressure": (98000.0, "Pa"), "cloud_cover": (0.4, "1"),
    ...     "co2": (380.0, "ppm"),
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: ("time", np.full(3, value), {"units": unit})
    ...      for name, (value, unit) in weather.items()},
    ...     {"time": pd.date_range("2001-06-01", periods=3)},
    ...     {"lat": 42.5, "sand": 60.0, "clay": 10.0},
    ... )
    >>> run = simulate(forcing, {"vmax": 4e-5}, spinup_cycles=0)
    >>> run["gpp"].units, bool((run["gpp"] >= 0.0).all())
    ('g m-2 d-1', True)
    >>> onward = simulate(forcing, {"vmax": 4e-5}, initial_state=run)
    >>> onward.sizes["time"]
    3
    """
    batch = simulate_batch(
        forcing,
        {name: [value] for name, value in (parameters or {}).items()},
        initial_state=initial_state,
        spinup_cycles=spinup_cycles,
        settled=settled,
        lai=lai,
        soil_carbon=soil_carbon,
        respiration=respiration,
        turnover=turnover,
        initial_pools=initial_pools,
        outputs=outputs,
    )
    return batch.isel(sample=0, drop=True)


def simulate_batch(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any],
    *,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    spinup_cycles: int = 10,
    settled: float = 0.0,
    lai: Any = None,
    soil_carbon: str = "dalec",
    respiration: str = "dalec",
    turnover: str = "M1",
    initial_pools: Mapping[str, float] | None = None,
    outputs: Sequence[str] | None = None,
    window: Any = None,
    lanes: int | None = None,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate one pixel with many parameter vectors.

    Parameters
    ----------
    forcing, initial_state, spinup_cycles, settled, lai
        As for :func:`simulate`.
    soil_carbon, respiration, turnover
        As for :func:`simulate`; ``initial_state`` may have a ``sample`` dimension.
    initial_pools, outputs
        As for :func:`simulate`.
    parameters : xarray.Dataset or mapping
        Arrays over ``sample``; what is missing takes its default.
    window : array of int, optional
        Number of the window of each day, or -1. The result then holds means over
        windows, (sample, window), and needs far less memory.
    lanes : int, optional
        Width of the block of simulations run side by side. It changes the speed
        and not one bit of the result.
    threads : int
        Blocks run at once.

    Returns
    -------
    xarray.Dataset
        As for :func:`simulate`, with dims (sample, time). A sample that fails
        holds NaN and leaves the others alone.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from ibis_dalec import simulate_batch
    >>> weather = {
    ...     "tmin": (5.0, "degC"), "tmax": (15.0, "degC"), "prec": (2.0, "mm d-1"),
    ...     "wind": (2.0, "m s-1"), "specific_humidity": (0.006, "kg kg-1"),
    ...     "pressure": (98000.0, "Pa"), "cloud_cover": (0.4, "1"),
    ...     "co2": (380.0, "ppm"),
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: ("time", np.full(3, value), {"units": unit})
    ...      for name, (value, unit) in weather.items()},
    ...     {"time": pd.date_range("2001-06-01", periods=3)},
    ...     {"lat": 42.5, "sand": 60.0, "clay": 10.0},
    ... )
    >>> runs = simulate_batch(
    ...     forcing, {"vmax": [3e-5, 5e-5]}, spinup_cycles=0, outputs=["gpp", "lai"]
    ... )
    >>> dict(runs["gpp"].sizes)
    {'sample': 2, 'time': 3}
    """
    clean = validate_forcing(forcing)
    values = parameter_arrays(parameters)
    recording = Recording.choose(outputs, Options(soil_carbon, respiration, turnover))
    site = np.array([[float(clean[name]) for name in ("lat", "sand", "clay")]])
    task, time = make_task(
        np.stack([clean[name].values for name in kernel.DRIVERS], axis=1)[:, :, None],
        clean["time"], site, lai, spinup_cycles, window, recording, initial_pools,
        initial_state is None, settled,
    )  # fmt: skip
    state = state_array(initial_state, values.shape[0], "sample")
    out, final = run_lanes(task, values, state, lanes, threads)
    dataset = _dataset(task, out, final, "sample", time)
    names = {"ibis_dalec_options": f"soil_carbon={soil_carbon}, "
             f"respiration={respiration}, turnover={turnover}"}  # fmt: skip
    return dataset.assign_attrs({**clean.attrs, **names})


def simulate_pixels(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any],
    *,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    spinup_cycles: int = 10,
    settled: float = 0.0,
    soil_carbon: str = "dalec",
    respiration: str = "dalec",
    turnover: str = "M1",
    initial_pools: Mapping[str, float] | None = None,
    outputs: Sequence[str] | None = None,
    window: Any = None,
    lanes: int | None = None,
    threads: int = 1,
) -> xr.Dataset:
    """Simulate many pixels, one parameter vector each.

    Parameters
    ----------
    forcing : xarray.Dataset
        As for :func:`simulate`, the drivers over (time, pixel) in any order and
        lat, sand and clay over ``pixel``.
    parameters : xarray.Dataset or mapping
        Arrays over ``pixel``; what is missing takes its default.
    initial_state, spinup_cycles, settled, soil_carbon, respiration, turnover
        As for :func:`simulate_batch`, with ``pixel`` in the place of ``sample``.
    initial_pools, outputs, window, lanes, threads
        As for :func:`simulate_batch`.

    Returns
    -------
    xarray.Dataset
        Dims (pixel, time), or (pixel, window).

    Raises
    ------
    InputError
        If anything given cannot be used; the pixel is named; nothing has run.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from ibis_dalec import simulate_pixels
    >>> weather = {
    ...     "tmin": (5.0, "degC"), "tmax": (15.0, "degC"), "prec": (2.0, "mm d-1"),
    ...     "wind": (2.0, "m s-1"), "specific_humidity": (0.006, "kg kg-1"),
    ...     "pressure": (98000.0, "Pa"), "cloud_cover": (0.4, "1"),
    ...     "co2": (380.0, "ppm"),
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: (("pixel", "time"), np.full((2, 3), value), {"units": unit})
    ...      for name, (value, unit) in weather.items()},
    ...     {"time": pd.date_range("2001-06-01", periods=3), "pixel": [7, 8]},
    ... )
    >>> place = {"lat": 42.5, "sand": 60.0, "clay": 10.0}
    >>> forcing = forcing.assign(
    ...     {name: ("pixel", np.full(2, value)) for name, value in place.items()}
    ... )
    >>> runs = simulate_pixels(
    ...     forcing, {"vmax": [3e-5, 5e-5]}, spinup_cycles=0, outputs=["gpp"]
    ... )
    >>> dict(runs["gpp"].sizes)
    {'pixel': 2, 'time': 3}
    """
    n_pixels = forcing.sizes.get("pixel", 0)
    if n_pixels == 0:
        raise InputError(
            "forcing", found=f"dimensions {tuple(forcing.sizes)}",
            wanted="a dimension pixel", hint="Use simulate for a single pixel.",
        )  # fmt: skip
    drivers, sites, clean = region_arrays(forcing)
    values = parameter_arrays(parameters, n_pixels)
    recording = Recording.choose(outputs, Options(soil_carbon, respiration, turnover))
    task, time = make_task(
        drivers, clean["time"], sites, None, spinup_cycles, window, recording,
        initial_pools, initial_state is None, settled,
    )  # fmt: skip
    state = state_array(initial_state, n_pixels, "pixel")
    out, final = run_lanes(task, values, state, lanes, threads)
    dataset = _dataset(task, out, final, "pixel", time)
    return dataset.assign_coords(
        {n: forcing[n] for n in forcing.coords if forcing[n].dims == ("pixel",)}
    )


def iterate_pixels(
    forcing: xr.Dataset,
    parameters: xr.Dataset,
    *,
    chunk: int = 256,
    **keywords: Any,
) -> Iterator[xr.Dataset]:
    """Simulate pixels in chunks, so that any region fits in memory.

    Parameters
    ----------
    forcing, parameters : xarray.Dataset
        As for :func:`simulate_pixels`; may be lazy (Zarr, dask): a chunk is loaded
        when its turn comes.
    chunk : int
        Pixels at a time. Daily output of one variable takes 58 kB per pixel and 20
        years.
    **keywords
        As for :func:`simulate_pixels`.

    Yields
    ------
    xarray.Dataset
        The next pixels' result.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from ibis_dalec import iterate_pixels
    >>> weather = {
    ...     "tmin": (5.0, "degC"), "tmax": (15.0, "degC"), "prec": (2.0, "mm d-1"),
    ...     "wind": (2.0, "m s-1"), "specific_humidity": (0.006, "kg kg-1"),
    ...     "pressure": (98000.0, "Pa"), "cloud_cover": (0.4, "1"),
    ...     "co2": (380.0, "ppm"),
    ... }
    >>> forcing = xr.Dataset(
    ...     {name: (("pixel", "time"), np.full((3, 2), value), {"units": unit})
    ...      for name, (value, unit) in weather.items()},
    ...     {"time": pd.date_range("2001-06-01", periods=2), "pixel": [1, 2, 3]},
    ... )
    >>> place = {"lat": 42.5, "sand": 60.0, "clay": 10.0}
    >>> forcing = forcing.assign(
    ...     {name: ("pixel", np.full(3, value)) for name, value in place.items()}
    ... )
    >>> vmax = {"vmax": ("pixel", [3e-5, 4e-5, 5e-5])}
    >>> parts = iterate_pixels(
    ...     forcing, xr.Dataset(vmax, {"pixel": [1, 2, 3]}), chunk=2, spinup_cycles=0,
    ...     outputs=["gpp"],
    ... )
    >>> [part.sizes["pixel"] for part in parts]
    [2, 1]
    """
    for start in range(0, forcing.sizes["pixel"], chunk):
        part = {"pixel": slice(start, start + chunk)}
        yield simulate_pixels(forcing.isel(part).load(), parameters.isel(part),
                              **keywords)  # fmt: skip


def _dataset(
    task: Task, out: np.ndarray, final: np.ndarray, lead: str, time: xr.DataArray
) -> xr.Dataset:
    """Label the arrays; say which canopies collapsed."""
    dataset = task.recording.dataset(out, lead, time)
    if "time" in dataset.coords:
        named = dataset["time"].assign_attrs(standard_name="time", long_name="day")
        dataset = dataset.assign_coords(time=named)
    if task.recording.final_state:
        dataset["final_state"] = (
            (lead, "state"), final,
            {"long_name": "model state at the end, to continue from"},
        )  # fmt: skip
        dataset = dataset.assign_coords(state=state_names())
    if "lai" in dataset and "time" in dataset.dims:
        years = dataset["lai"].groupby("time.year").max()
        whole = dataset["time"].groupby("time.year").count() >= 365
        dataset["collapsed"] = (years < _COLLAPSED_LAI).where(whole, False).any("year")
        dataset["collapsed"].attrs = {
            "long_name": "leaf area below 0.1 all through a year"
        }
    return dataset
