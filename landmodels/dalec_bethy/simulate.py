"""Run one vegetation type on a place's weather: one parameter vector, or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from landmodels.dalec_bethy.drivers import Drivers
from landmodels.dalec_bethy.equations.day import (
    DAILY_DRIVERS,
    DAILY_OUTPUTS,
    HOURLY_OUTPUTS,
    STATES,
)
from landmodels.dalec_bethy.forcing import drivers_of, validate_forcing
from landmodels.dalec_bethy.parameters import (
    CALIBRATED,
    DEFAULT_TYPE,
    fixed_of,
    parameter_table,
    plausible_range,
    priors_of,
)
from landmodels.dalec_bethy.tile import Run, Tile, start_state
from landmodels.errors import InputError

Array = NDArray[np.float64]

#: A canopy whose leaf area never reaches this in a year has collapsed.
COLLAPSED_LAI = 0.1
_FLUX, _WATER, _POOL = "g m-2 d-1", "mm d-1", "g m-2"
#: Units and meaning of what is reported.
OUTPUTS: dict[str, tuple[str, str]] = {
    "gpp": (_FLUX, "gross primary productivity, carbon"),
    "ra": (_FLUX, "autotrophic respiration, carbon"),
    "rh": (_FLUX, "heterotrophic respiration, carbon"),
    "er": (_FLUX, "ecosystem respiration, carbon"),
    "nee": (_FLUX, "net ecosystem exchange, carbon, positive for release"),
    "lai": ("1", "leaf area index at the start of the day"),
    "trans": (_WATER, "transpiration"),
    "ec": (_WATER, "evaporation of intercepted water"),
    "es": (_WATER, "evaporation of soil and snow"),
    "et": (_WATER, "evapotranspiration"),
    "runoff": (_WATER, "surface runoff"),
    "drain": (_WATER, "drainage"),
    "fw_s": ("1", "water of the surface layer at the start of the day, relative"),
    "fw_r": ("1", "water of the root layer at the start of the day, relative"),
    "fapar_white": ("1", "absorbed fraction of the light under a white sky"),
    "sif": ("mW m-2 sr-1 nm-1", "solar-induced fluorescence at 743 nm"),
    "fapar": ("1", "absorbed fraction of the light"),
    "clab": (_POOL, "labile carbon at the end of the day"),
    "cfol": (_POOL, "foliage carbon at the end of the day"),
    "croo": (_POOL, "fine root carbon at the end of the day"),
    "cwoo": (_POOL, "wood carbon at the end of the day"),
    "clit": (_POOL, "litter carbon at the end of the day"),
    "csom": (_POOL, "soil organic carbon at the end of the day"),
    "wc": ("mm", "canopy water at the end of the day"),
    "ws": ("mm", "water of the surface layer at the end of the day"),
    "wr": ("mm", "water of the root layer at the end of the day"),
    "snow": ("mm", "snow at the end of the day, as water"),
}
#: What a restart needs: the ten states and the memory of the soil temperature.
FINAL_STATE = (*STATES, "tsoil")


def simulate(
    forcing: xr.Dataset,
    parameters: Mapping[str, float] | None = None,
    *,
    vegetation_type: str = DEFAULT_TYPE,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    outputs: Sequence[str] | None = None,
) -> xr.Dataset:
    """Simulate one vegetation type with one parameter vector.

    Parameters
    ----------
    forcing : xarray.Dataset
        Daily weather over ``time``, see :func:`validate_forcing`.
    parameters : mapping, optional
        Any subset of the process parameters and initial pools of
        :func:`parameter_table`, in its units; the rest takes its default.
    vegetation_type : str
        Type that the defaults and the fixed numbers belong to.
    initial_state : xarray.Dataset or xarray.DataArray, optional
        The result of an earlier run, or its ``final_state``. The run continues it
        exactly; initial pools are then not used.
    outputs : sequence of str, optional
        Variables to report; all of them and ``final_state`` by default.

    Returns
    -------
    xarray.Dataset
        Over ``time``: gpp, ra, rh, er, nee (gC m-2 d-1), lai, the water fluxes
        (mm d-1), pools and stores at the end of the day; over (time, hour): sif and
        fapar; ``final_state``; and ``collapsed``, true if the leaf area stays below
        0.1 through a year. There is no spin-up: the first two years are usually left
        out of a comparison.

    Raises
    ------
    InputError
        If forcing, parameters, state or options cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.arange("2001-06-01", "2001-06-03", dtype="datetime64[D]")
    >>> units = {
    ...     "tmin": "degC", "tmax": "degC", "srad": "W m-2", "vpd": "Pa",
    ...     "prec": "mm d-1",
    ... }
    >>> forcing = xr.Dataset(
    ...     {n: ("time", [18.0, 19.0], {"units": u}) for n, u in units.items()},
    ...     {"time": time.astype("datetime64[ns]")},
    ... ).assign(
    ...     co2=((), 410.0, {"units": "ppm"}),
    ...     lat=((), 51.0, {"units": "degrees_north"}),
    ...     elevation=((), 430.0, {"units": "m"}),
    ... )
    >>> run = simulate(forcing, vegetation_type="EvCn")
    >>> run["gpp"].units, dict(run["sif"].sizes)
    ('g m-2 d-1', {'time': 2, 'hour': 24})
    """
    batch = simulate_batch(
        forcing,
        {name: [value] for name, value in (parameters or {}).items()},
        vegetation_type=vegetation_type,
        initial_state=initial_state,
        outputs=outputs,
    )
    return batch.isel(sample=0, drop=True)


def simulate_batch(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any],
    *,
    vegetation_type: str = DEFAULT_TYPE,
    initial_state: xr.Dataset | xr.DataArray | None = None,
    outputs: Sequence[str] | None = None,
) -> xr.Dataset:
    """Simulate one vegetation type with many parameter vectors.

    Parameters
    ----------
    forcing, vegetation_type, initial_state, outputs
        As for :func:`simulate`; ``initial_state`` may have a ``sample`` dimension.
    parameters : xarray.Dataset or mapping
        Arrays over ``sample``; what is missing takes its default.

    Returns
    -------
    xarray.Dataset
        As for :func:`simulate`, with ``sample`` as the first dimension. A sample whose
        numbers are not finite holds NaN and leaves the others alone. Name the
        ``outputs`` of a large batch: the hourly ones take 0.14 MB a year and sample.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.arange("2001-06-01", "2001-06-03", dtype="datetime64[D]")
    >>> units = {
    ...     "tmin": "degC", "tmax": "degC", "srad": "W m-2", "vpd": "Pa",
    ...     "prec": "mm d-1",
    ... }
    >>> forcing = xr.Dataset(
    ...     {n: ("time", [18.0, 19.0], {"units": u}) for n, u in units.items()},
    ...     {"time": time.astype("datetime64[ns]")},
    ... ).assign(
    ...     co2=((), 410.0, {"units": "ppm"}),
    ...     lat=((), 51.0, {"units": "degrees_north"}),
    ...     elevation=((), 430.0, {"units": "m"}),
    ... )
    >>> runs = simulate_batch(forcing, {"vm": [30e-6, 60e-6]}, outputs=["gpp"])
    >>> dict(runs["gpp"].sizes)
    {'sample': 2, 'time': 2}
    """
    clean = validate_forcing(forcing)
    values = parameter_array(parameters, vegetation_type)
    names = _chosen(outputs)
    states, soil = _states(initial_state, values)
    ratio, conductance = fixed_of(vegetation_type)
    drivers = drivers_of(clean, soil)
    tile = Tile(drivers, ratio, conductance)
    hours = [n for n in names if n in HOURLY_OUTPUTS]
    days = [n for n in names if n not in HOURLY_OUTPUTS]
    n_samples, n_days = values.shape[0], drivers.n_days
    data = {n: np.empty((n_samples, n_days)) for n in days}
    data |= {n: np.empty((n_samples, n_days, 24)) for n in hours}
    final = np.empty((n_samples, len(FINAL_STATE)))
    highest = np.empty((n_samples, n_days))
    for i, row in enumerate(values):
        run = tile.run(row[:17], states[i])
        series = output_series(run)
        failed = not all(
            np.isfinite(a).all() for a in (run.states, run.daily, run.hourly)
        )
        for n, array in data.items():
            array[i] = np.nan if failed else series[n]
        final[i] = (*run.states[-1], drivers.daily[-1, DAILY_DRIVERS.index("tsoil")])
        final[i] = np.nan if failed else final[i]
        highest[i] = np.nan if failed else series["lai"]
    return _dataset(data, final, highest, clean, vegetation_type, outputs is None)


def output_series(run: Run) -> dict[str, Array]:
    """Name the columns of a run; the states are those at the end of each day."""
    series: dict[str, Array] = {n: run.daily[:, i] for i, n in enumerate(DAILY_OUTPUTS)}
    series |= {n: run.hourly[:, i] for i, n in enumerate(HOURLY_OUTPUTS)}
    series |= {n: run.states[1:, i] for i, n in enumerate(STATES)}
    series["er"] = series["ra"] + series["rh"]
    series["et"] = series["trans"] + series["ec"] + series["es"]
    return series


def parameter_array(
    parameters: xr.Dataset | Mapping[str, Any], vegetation_type: str
) -> Array:
    """Parameters as (sample, 23), checked, with defaults for what is missing."""
    given = {
        str(name): np.atleast_1d(np.asarray(array))
        for name, array in parameters.items()
    }
    defaults = {c.name: c for c in priors_of(vegetation_type)}
    units = parameter_table(vegetation_type)["unit"]
    for name, array in given.items():
        where = f"parameters  {name}"
        if name not in defaults:
            raise InputError(
                where, found="no such parameter", wanted=f"one of {', '.join(defaults)}"
            )
        if array.ndim != 1 or array.dtype.kind not in "iuf":
            raise InputError(
                where,
                found=f"{array.dtype} of shape {array.shape}",
                wanted="numbers over sample",
            )
        low, high = plausible_range(name)
        bad = ~((array >= low) & (array <= high))
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"{where}, sample {first}",
                found=f"{array[first]:g}",
                wanted=f"{low:g} to {high:g} {units[name]}",
                hint=f"Is it in {units[name]}?",
            )
    sizes = {n: a.size for n, a in given.items()}
    n_samples = max(sizes.values(), default=1)
    wrong = [n for n, size in sizes.items() if size != n_samples]
    if wrong:
        raise InputError(
            f"parameters  {wrong[0]}",
            found=f"{sizes[wrong[0]]} samples",
            wanted=f"{n_samples}, as the others",
        )
    result = np.empty((n_samples, len(CALIBRATED)))
    for j, name in enumerate(CALIBRATED):
        result[:, j] = given.get(name, defaults[name].prior)
    return result


def _chosen(outputs: Sequence[str] | None) -> list[str]:
    names = list(OUTPUTS) if outputs is None else list(outputs)
    for name in names:
        if name not in OUTPUTS:
            raise InputError(
                "outputs", found=repr(name), wanted=f"names among {', '.join(OUTPUTS)}"
            )
    return names


def _states(initial: Any, values: Array) -> tuple[Array, float | None]:
    """State of each sample at the first midnight, and the soil temperature before."""
    n = values.shape[0]
    if initial is None:
        return np.stack([start_state(row[17:]) for row in values]), None
    if isinstance(initial, xr.Dataset):
        if "final_state" not in initial:
            raise InputError(
                "initial_state", found="no final_state", wanted="a result of simulate"
            )
        initial = initial["final_state"]
    array = np.atleast_2d(np.asarray(initial.transpose(..., "state"), float))
    if array.shape[-1] != len(FINAL_STATE) or array.shape[0] not in (1, n):
        raise InputError(
            "initial_state",
            found=f"shape {array.shape}",
            wanted=f"({n}, {len(FINAL_STATE)}): {', '.join(FINAL_STATE)}",
        )
    if not np.isfinite(array).all() or (array[:, :-1] < 0.0).any():
        raise InputError(
            "initial_state", found="a negative or missing number", wanted="stocks >= 0"
        )
    array = np.broadcast_to(array, (n, len(FINAL_STATE)))
    if np.ptp(array[:, -1]) > 0.0:
        raise InputError(
            "initial_state  tsoil",
            found="samples with different soil temperatures",
            wanted="states of runs on the same weather",
        )
    return np.array(array[:, :-1]), float(array[0, -1])


def _dataset(
    data: Mapping[str, Array],
    final: Array,
    lai: Array,
    clean: xr.Dataset,
    vegetation_type: str,
    with_state: bool,
) -> xr.Dataset:
    dims = {2: ("sample", "time"), 3: ("sample", "time", "hour")}
    variables: dict[str, Any] = {
        n: (dims[a.ndim], a, {"units": OUTPUTS[n][0], "long_name": OUTPUTS[n][1]})
        for n, a in data.items()
    }
    if with_state:
        variables["final_state"] = (
            ("sample", "state"), final,
            {"long_name": "model state at the end, to continue from"},
        )  # fmt: skip
    dataset = xr.Dataset(variables, coords={"time": clean["time"]}, attrs=clean.attrs)
    if "hour" in dataset.dims:
        labels = {"long_name": "start of the hour, local solar time", "units": "h"}
        dataset = dataset.assign_coords(hour=("hour", np.arange(24), labels))
    if with_state:
        dataset = dataset.assign_coords(state=list(FINAL_STATE))
    years = clean["time"].dt.year.values
    collapsed = np.zeros(lai.shape[0], dtype=bool)
    for year in np.unique(years):
        if np.sum(years == year) >= 365:
            collapsed |= lai[:, years == year].max(axis=1) < COLLAPSED_LAI
    dataset["collapsed"] = (
        "sample", collapsed, {"long_name": "leaf area below 0.1 all through a year"},
    )  # fmt: skip
    return dataset.assign_attrs(dalec_bethy_type=vegetation_type)


def warm_up() -> None:
    """Compile the kernels into their cache on disk, about 20 s once on a machine.

    Later processes on the same kind of machine then start at once.

    Examples
    --------
    >>> from landmodels.dalec_bethy import warm_up
    >>> warm_up()
    """
    daily = np.zeros((0, len(DAILY_DRIVERS)))
    tile = Tile(Drivers(daily, np.zeros((0, 18, 24))), 2.0, 0.1)
    zeros, state = np.zeros(17), np.zeros(len(STATES))
    run = tile.run(zeros, state)
    tile.tangent(zeros, state, zeros, state)
    tile.adjoint(zeros, run.states, Run.zeros(0))
