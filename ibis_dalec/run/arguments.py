"""What a call of the model asks for, checked and turned into arrays.

Everything that a user can get wrong besides the forcing is found here, before
anything runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ibis_dalec.errors import InputError
from ibis_dalec.parameters import parameter_table
from ibis_dalec.physics.workspace import PARAMETERS
from ibis_dalec.run import initialise as prepare
from ibis_dalec.run.outputs import Recording, state_names


@dataclass(frozen=True)
class Task:
    """What every block of lanes of a call shares."""

    forcing: np.ndarray  # (time, driver, 1 or pixel)
    doy: np.ndarray
    year_days: np.ndarray
    sites: np.ndarray  # (1 or pixel, [lat, sand, clay])
    lai: np.ndarray | None  # (time, 1 or lane)
    spinup_cycles: int
    first_year: int  # days of the spin-up year
    slot: np.ndarray
    n_slots: int
    recording: Recording
    pools: Mapping[str, float]
    settled: float = 0.0  # change of a cycle below which the physics has settled


def parameter_arrays(
    parameters: xr.Dataset | Mapping[str, Any], n: int | None = None
) -> np.ndarray:
    """Checked parameter values, (sample, parameter), in the kernel's order."""
    table = parameter_table()
    for name in map(str, parameters):
        if name not in table.index:
            close = difflib.get_close_matches(name, table.index, 1)
            raise InputError(
                f"parameters.{name}", found="a name that the model does not know",
                wanted="any of " + ", ".join(table.index),
                hint=f"Did you mean {close[0]!r}?" if close else None,
            )  # fmt: skip
    given = {str(k): _numbers(v, f"parameters.{k}") for k, v in parameters.items()}
    sizes = {v.size for v in given.values() if v.ndim}
    if n is not None:
        sizes.add(n)
    if len(sizes) > 1:
        raise InputError(
            "parameters", found=f"arrays of {sorted(sizes)} values",
            wanted="as many values of each parameter as there are samples",
        )  # fmt: skip
    n = sizes.pop() if sizes else 1
    if n == 0:
        raise InputError("parameters", found="no values", wanted="at least one sample")
    values = np.empty((n, len(PARAMETERS)))
    for j, name in enumerate(PARAMETERS):
        row = table.loc[name]
        values[:, j] = given.get(name, row.default)
        slack = 1e-9 * (row["max"] - row["min"])
        inside = (values[:, j] >= row["min"] - slack) & (
            values[:, j] <= row["max"] + slack
        )
        if not inside.all():
            first = int(np.argmin(inside))
            raise InputError(
                f"parameters.{name}, sample {first}",
                found=f"{values[first, j]:g} {row.unit}",
                wanted=f"{row['min']:g} to {row['max']:g} {row.unit}",
                hint="The bounds are those of ibis_dalec.parameter_table().",
            )
    return values


def _numbers(value: Any, where: str) -> np.ndarray:
    """A number, or numbers along one axis."""
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as exc:
        raise InputError(
            where, found=repr(value), wanted="a number, or one for each sample"
        ) from exc
    if numbers.ndim > 1:
        raise InputError(
            where, found=f"shape {numbers.shape}",
            wanted="a number, or one for each sample",
        )  # fmt: skip
    return numbers


def make_task(
    forcing: np.ndarray,
    time: xr.DataArray,
    sites: np.ndarray,
    lai: Any,
    spinup_cycles: int,
    window: Any,
    recording: Recording,
    pools: Mapping[str, float] | None,
    spins: bool,
    settled: float = 0.0,
) -> tuple[Task, xr.DataArray]:
    """Collect what all blocks share; check the calendar, ``lai`` and ``window``."""
    n = forcing.shape[0]
    index = pd.DatetimeIndex(time.values)
    cycles = int(spinup_cycles) if spins else 0
    if cycles < 0:
        raise InputError("spinup_cycles", found=str(cycles), wanted="0 or more")
    if not 0.0 <= settled < 1.0:
        raise InputError(
            "settled", found=str(settled), wanted="a fraction from 0 to below 1"
        )
    first_year = int((index < index[0] + pd.DateOffset(years=1)).sum())
    if cycles > 0 and index[-1] + pd.Timedelta(days=1) < index[0] + pd.DateOffset(
        years=1
    ):
        raise InputError(
            "forcing.time", found=f"{n} days, less than a year",
            wanted="a whole first year, which the spin-up repeats",
            hint="Pass spinup_cycles=0 or an initial_state.",
        )  # fmt: skip
    slot = np.arange(n)
    if window is not None:
        slot = _windows(window, n)
        time = xr.DataArray(np.arange(int(slot.max()) + 1), dims="window")
    return Task(
        forcing=np.ascontiguousarray(forcing),
        doy=index.day_of_year.to_numpy(float),
        year_days=np.where(index.is_leap_year, 366.0, 365.0),
        sites=sites,
        lai=None if lai is None else _prescribed(lai, n),
        spinup_cycles=cycles,
        first_year=first_year,
        slot=slot,
        n_slots=int(slot.max()) + 1,
        recording=recording,
        pools=_pools(pools or {}, spins),
        settled=float(settled),
    ), time


def _windows(window: Any, n: int) -> np.ndarray:
    """Number of each day's window."""
    given = np.asarray(window)
    whole = given.dtype.kind in "iu"
    if given.shape != (n,) or not whole or given.min() < -1 or given.max() < 0:
        raise InputError(
            "window",
            found=f"shape {given.shape} of {given.dtype}"
            + (f", {given.min()} to {given.max()}" if whole and given.size else ""),
            wanted=f"{n} whole numbers, -1 for a day that is left out",
        )
    return given.astype(np.int64)


def _pools(pools: Mapping[str, float], cold: bool) -> dict[str, float]:
    """Pools of the cold start that were given."""
    for name, value in pools.items():
        if name not in prepare.INITIAL_POOLS:
            raise InputError(
                f"initial_pools.{name}", found="an unknown pool",
                wanted="any of " + ", ".join(prepare.INITIAL_POOLS),
            )  # fmt: skip
        if not 0.0 <= float(value) < np.inf:
            raise InputError(
                f"initial_pools.{name}", found=f"{value} g m-2",
                wanted="a finite amount, not below 0",
            )  # fmt: skip
    if pools and not cold:
        raise InputError(
            "initial_pools", found="given together with initial_state",
            wanted="one of them", hint="The state holds the pools.",
        )  # fmt: skip
    return dict(pools)


def _prescribed(lai: Any, n: int) -> np.ndarray:
    values = np.asarray(lai, dtype=float)
    if values.shape != (n,) or not np.all(np.isfinite(values)) or values.min() < 0:
        raise InputError(
            "lai", found=f"shape {values.shape}, smallest {np.min(values, initial=0)}",
            wanted=f"{n} finite values, one a day, none below 0",
        )  # fmt: skip
    return values[:, None].copy()


def state_array(
    state: xr.Dataset | xr.DataArray | None, n: int, lead: str
) -> np.ndarray | None:
    """Initial state of every sample, (sample, state)."""
    if state is None:
        return None
    if isinstance(state, xr.Dataset):
        if "final_state" not in state:
            raise InputError(
                "initial_state", found="a Dataset without final_state",
                wanted="the result of simulate, or its final_state",
                hint="Name final_state in outputs if you choose the outputs.",
            )  # fmt: skip
        state = state["final_state"]
    names = state_names()
    if "state" not in state.dims or list(state["state"].values) != names:
        raise InputError(
            "initial_state", found=f"dimensions {state.dims}",
            wanted=f"a state of {len(names)} named entries, as simulate returns it",
        )  # fmt: skip
    values = state.transpose(..., "state").values
    if values.ndim == 1:
        values = np.broadcast_to(values, (n, values.size))
    if values.shape != (n, len(names)):
        raise InputError(
            "initial_state", found=f"shape {values.shape}",
            wanted=f"one state, or {n} along {lead}",
        )  # fmt: skip
    return values
