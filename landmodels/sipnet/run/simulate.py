"""Run the model: one parameter vector, or lanes of samples, members and sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.sipnet.driver_records import check_window
from landmodels.sipnet.drivers import validate_forcing
from landmodels.sipnet.errors import InputError
from landmodels.sipnet.events import event_records
from landmodels.sipnet.options import Options, choose_options
from landmodels.sipnet.parameters import inconsistent, records
from landmodels.sipnet.physics.constants import WINDOW_DAYS
from landmodels.sipnet.physics.records import STATE
from landmodels.sipnet.run.blocks import Task, run_task, site_records
from landmodels.sipnet.run.lanes import Lanes, arrange
from landmodels.sipnet.run.outputs import (
    Output,
    choose_outputs,
    columns,
    idle_outputs,
)
from landmodels.sipnet.sites import split_sites
from landmodels.sipnet.state import (
    check_options,
    check_state,
    state_array,
    window_weights,
)

#: A plant without photosynthesis for so long is not one that can be calibrated (d).
_UNPRODUCTIVE_DAYS = 365.0


def simulate(
    forcing: xr.Dataset,
    parameters: Mapping[str, float] | None = None,
    *,
    options: str | Mapping[str, object] | Options = "reanalysis",
    initial_state: xr.Dataset | xr.DataArray | None = None,
    events: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    outputs: Sequence[str] | None = None,
    dead_runs: str = "keep",
) -> xr.Dataset:
    """Simulate one site with one parameter vector.

    Parameters
    ----------
    forcing : xarray.Dataset
        Drivers over ``time``, see `validate_forcing`; `read_clim` reads files.
    parameters : mapping, optional
        Any subset of the ids of `parameter_table`, in its units; the rest takes its
        default. `parameter_set` gives bundled sets.
    options : str, mapping or Options
        A named set (``reanalysis``, ``default``, ``legacy``, ``legacy_reanalysis``),
        or the switches that differ from ``reanalysis``; see `Options`.
    initial_state : xarray.Dataset or xarray.DataArray, optional
        The result of an earlier run, its ``final_state``, or what `read_state` or
        `update_state` returns. The run continues it exactly.
    events : pandas.DataFrame or sequence of mappings, optional
        Management events with year, day, kind and the numbers a to d; see
        `read_events`.
    outputs : sequence of str, optional
        Variables to report; all of them and ``final_state`` by default.
    dead_runs : {"keep", "nan"}
        With "nan" all outputs of a run are NaN if its plant died, was never alive,
        or did not photosynthesise in the last 365 days. For calibration, which must
        not settle on a dead plant.

    Returns
    -------
    xarray.Dataset
        Over ``time``: fluxes as amounts of the step (g C m-2, cm), pools at its end;
        ``final_state``; ``died``, ``death_time``, ``dead`` (no living plant at the
        end) and ``unproductive`` (no photosynthesis in the last 365 days).

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    References
    ----------
    Braswell et al. (2005), Glob. Change Biol. 11, 335; Sacks et al. (2006), Glob.
    Change Biol. 12, 240; Zobitz et al. (2008), Ecosystems 11, 250.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landmodels import sipnet
    >>> one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 2.0}
    >>> days = xr.Dataset({k: ("time", np.full(9, v)) for k, v in one.items()},
    ...                   {"time": pd.date_range("2001-07-01", periods=9)})
    >>> drivers = sipnet.half_daily_drivers(days, latitude=45.0)
    >>> run = sipnet.simulate(drivers, {"aMax": 20.0})
    >>> run["nee"].attrs["units"], bool(run["died"])
    ('g m-2', False)
    """
    if isinstance(forcing, xr.Dataset) and "site" in forcing.dims:
        raise InputError(
            "forcing", found="a dimension site", wanted="drivers of one site",
            hint="simulate_batch runs many sites.",
        )  # fmt: skip
    return _run(
        forcing, parameters or {}, options, initial_state, events, outputs,
        dead_runs, "raise", 1, lone=True,
    )  # fmt: skip


def simulate_batch(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any],
    *,
    options: str | Mapping[str, object] | Options = "reanalysis",
    initial_state: xr.Dataset | xr.DataArray | None = None,
    events: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    outputs: Sequence[str] | None = None,
    dead_runs: str = "keep",
    inconsistent_parameters: str = "raise",
    threads: int = 1,
) -> xr.Dataset:
    """Simulate many lanes: parameter samples, ensemble members, sites.

    Parameters
    ----------
    forcing : xarray.Dataset
        As for `simulate`. With a dimension ``site`` (see `join_sites`) each site is
        a lane, or as many lanes as it has samples.
    parameters : xarray.Dataset or mapping
        Arrays over ``sample``; what is missing takes its default. With sites, plain
        arrays are over (site,) or (site, sample). A DataArray may have any lanes as
        dimensions, such as (member,) or (site, member).
    options, initial_state, events, outputs, dead_runs
        As for `simulate`. The state may have the lanes' dimensions. Events may have
        a column ``site``; without it they hold at every site.
    inconsistent_parameters : {"raise", "nan"}
        What becomes of a lane whose parameters contradict each other, such as
        allocation fractions above 1: an error before anything runs, or NaN.
    threads : int
        Threads over which the lanes are spread. It changes the speed and not one bit
        of the result.

    Returns
    -------
    xarray.Dataset
        As for `simulate`, with the lanes' dimensions in front of ``time``. With
        sites whose steps start at different hours, ``time`` holds those of the
        first site.

    Raises
    ------
    InputError
        If anything given cannot be used; nothing has run.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landmodels import sipnet
    >>> one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 2.0}
    >>> days = xr.Dataset({k: ("time", np.full(9, v)) for k, v in one.items()},
    ...                   {"time": pd.date_range("2001-07-01", periods=9)})
    >>> drivers = sipnet.half_daily_drivers(days, latitude=45.0)
    >>> sipnet.simulate_batch(drivers, {"aMax": [10.0, 20.0]})["gpp"].dims
    ('sample', 'time')
    """
    return _run(
        forcing, parameters, options, initial_state, events, outputs, dead_runs,
        inconsistent_parameters, threads, lone=False,
    )  # fmt: skip


def _run(
    forcing, parameters, options, initial_state, events, outputs, dead_runs,
    contradictions, threads, *, lone: bool,
) -> xr.Dataset:  # fmt: skip
    """Check everything, run all lanes, label the result."""
    _check_word("dead_runs", dead_runs, ("keep", "nan"))
    _check_word("inconsistent_parameters", contradictions, ("raise", "nan"))
    if not isinstance(threads, (int, np.integer)) or threads < 1:
        raise InputError("threads", found=repr(threads), wanted="1 or more")
    choice = choose_options(options)
    chosen = choose_outputs(outputs)
    sites, names = _sites(forcing)
    lanes = arrange(parameters, names, initial_state, lone)
    good = _consistent(lanes, choice, contradictions)
    _check_start(lanes, sites, choice)
    days = lanes.values["leafOnDay"].any() or lanes.values["leafOffDay"].any()
    event_list, event_start = event_records(events, sites, choice, bool(days))
    idle = idle_outputs(choice, events=event_list.size > 0, tilled=_tilled(lanes.state))
    busy = [output for output in chosen if output.name not in idle]
    p = records({k: v[good] for k, v in lanes.values.items()}, choice)
    task = Task(
        p, choice.record(), site_records(sites), lanes.site[good], event_list,
        event_start, columns(busy),
    )  # fmt: skip
    state = None if lanes.state is None else lanes.state[good]
    out, final, summary = run_task(task, state, int(threads))
    notes = np.stack([p["leafCSpWt"], p["soilWHC"]], axis=1)
    result = _Result(lanes, good, sites, chosen, busy)
    keep_state = outputs is None or "final_state" in outputs
    dataset = result.dataset(
        out, np.concatenate([final, notes], axis=1) if keep_state else None, summary,
        dead_runs,
    )  # fmt: skip
    source = next(iter(sites.values())).attrs
    return dataset.assign_attrs({**source, "sipnet_options": str(choice)})


def _tilled(state: np.ndarray | None) -> bool:
    """Whether the effect of an earlier tillage lasts."""
    return state is not None and bool(state[:, STATE.index("tillage")].any())


def _check_word(name: str, value: object, words: tuple[str, ...]) -> None:
    if value not in words:
        raise InputError(name, found=repr(value), wanted=" or ".join(map(repr, words)))


def _sites(forcing) -> tuple[dict[str, xr.Dataset], list[str] | None]:
    """Clean drivers by site, and the sites' names where there is that dimension."""
    if isinstance(forcing, xr.Dataset) and "site" in forcing.dims:
        sites = split_sites(forcing)
        return sites, list(sites)
    return {"": validate_forcing(forcing)}, None


def _consistent(lanes: Lanes, options: Options, contradictions: str) -> np.ndarray:
    """Numbers of the lanes to run."""
    bad, broken = inconsistent(lanes.values, options)
    if broken is not None and contradictions == "raise":
        first = broken.lane
        values = ", ".join(f"{n} {lanes.values[n][first]:g}" for n in broken.names)
        where = "parameters, " + ", ".join(broken.names)
        raise InputError(
            where + (f", lane {first}" if lanes.n > 1 else ""),
            found=values + (f" ({int(bad.sum())} lanes)" if lanes.n > 1 else ""),
            wanted=broken.wanted, hint="Sample with the constraint, do not clip.",
        )  # fmt: skip
    return np.flatnonzero(~bad)


def _check_start(
    lanes: Lanes, sites: Mapping[str, xr.Dataset], options: Options
) -> None:
    """The state must fit the run; five days of steps must fit in the window."""
    if lanes.state is not None:
        check_options(lanes.state, options)
    for i, (name, site) in enumerate(sites.items()):
        where = f"forcing, site {name}" if name else "forcing"
        weights = np.array([[WINDOW_DAYS]])
        if lanes.state is not None:
            states = lanes.state[lanes.site == i]
            check_state(states, "initial_state", float(site["year"][0]))
            weights = window_weights(states)
        check_window(site["step_length"].values, weights, where)


@dataclass(frozen=True)
class _Result:
    """Labels for what the kernel gives back."""

    lanes: Lanes
    good: np.ndarray
    sites: Mapping[str, xr.Dataset]
    outputs: Sequence[Output]
    busy: Sequence[Output]

    def dataset(self, out, final, summary, dead_runs: str) -> xr.Dataset:
        """The result of a call."""
        fate = self._fate(summary)
        lost = np.zeros(self.good.size, dtype=bool)
        if dead_runs == "nan":
            lost = (fate["died"] | fate["dead"] | fate["unproductive"])[self.good]
        dims = self.lanes.dims
        variables: dict[str, Any] = {}
        rows = {output.name: k for k, output in enumerate(self.busy)}
        for output in self.outputs:
            if output.name in rows:
                values = out[:, rows[output.name]]
            else:
                values = np.zeros((out.shape[0], out.shape[2]))
            values[lost] = np.nan
            values = self._all_lanes(values).reshape(*self.lanes.shape, -1)
            variables[output.name] = ((*dims, "time"), values, output.attrs)
        for name, text in _FATE.items():
            values = fate[name].reshape(self.lanes.shape)
            variables[name] = (dims, values, {"long_name": text})
        dataset = xr.Dataset(variables, coords=dict(self.lanes.coords))
        dataset = dataset.assign_coords(self._times())
        if final is not None:
            values = self._all_lanes(final).reshape(*self.lanes.shape, -1)
            coords = {k: dataset[k] for k in self.lanes.coords}
            dataset["final_state"] = state_array(values, dims, coords)
        return dataset

    def _all_lanes(self, values: np.ndarray) -> np.ndarray:
        """Rows for the lanes that did not run, of NaN."""
        if self.good.size == self.lanes.n:
            return values
        filled = np.full((self.lanes.n, *values.shape[1:]), np.nan)
        filled[self.good] = values
        return filled

    def _times(self) -> dict[str, Any]:
        first = next(iter(self.sites.values()))
        attrs = {"standard_name": "time", "long_name": "start of the step"}
        lengths = [site["step_length"].values for site in self.sites.values()]
        units = first["step_length"].attrs
        by_site = "site" in self.lanes.dims
        length = xr.Variable(
            ("site", "time") if by_site else ("time",),
            np.stack(lengths) if by_site else lengths[0],
            units,
        )
        return {"time": ("time", first["time"].values, attrs), "step_length": length}

    def _fate(self, summary) -> dict[str, np.ndarray]:
        """What became of the plant of each lane."""
        n = self.lanes.n
        fate = {name: np.zeros(n, dtype=bool) for name in _FATE}
        fate["death_time"] = np.full(n, np.datetime64("NaT", "ns"))
        for i, site in enumerate(self.sites.values()):
            here = self.lanes.site[self.good] == i
            lane, s = self.good[here], summary[here]
            time = site["time"].values
            fate["died"][lane] = s["death_step"] >= 0
            fate["death_time"][lane] = np.where(
                s["death_step"] >= 0, time[s["death_step"]], np.datetime64("NaT")
            )
            fate["dead"][lane] = s["alive_at_end"] == 0
            ends = np.cumsum(site["step_length"].values)
            until = np.where(s["last_gpp_step"] >= 0, ends[s["last_gpp_step"]], 0.0)
            fate["unproductive"][lane] = ends[-1] - until >= _UNPRODUCTIVE_DAYS
        return fate


_FATE = {
    "died": "the plant died during the run",
    "death_time": "start of the step in which the plant died",
    "dead": "no living plant at the end of the run",
    "unproductive": "no photosynthesis in the last 365 days of the run",
}
