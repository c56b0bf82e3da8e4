"""What a call asks for, checked and turned into lanes before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.parameters import ECOSYSTEMS, parameter_array
from landmodels.century.physics import kernel
from landmodels.century.physics.layout import (
    LANE_TYPE,
    N_STATE,
    PARAMETER_TYPE,
    PARAMETERS,
    SITE_TYPE,
    WEATHER_TYPE,
)
from landmodels.century.run.outputs import state_names
from landmodels.errors import InputError


@dataclass(frozen=True)
class Weather:
    """Weather records (cell, month), and the precipitation of the year after (cm)."""

    months: np.ndarray
    following: np.ndarray

    def mean_year(self) -> np.ndarray:
        """Mean tmin, tmax, prec and CO2 of each calendar month, (4, cell, 12)."""
        names = ("tmin", "tmax", "prec", "co2_doublings")
        shape = (self.months.shape[0], -1, 12)
        return np.stack([self.months[n].reshape(shape).mean(axis=1) for n in names])


@dataclass(frozen=True)
class Task:
    """Lanes of a call: a lane is a sample in a cell, cells run fastest."""

    parameters: np.ndarray  # (lane,) records
    sites: np.ndarray  # (cell,) records
    cell: np.ndarray  # (lane,) int
    variant45: bool
    surface_texture_co2: bool
    n_samples: int
    has_cells: bool

    @property
    def n_lanes(self) -> int:
        """Number of lanes."""
        return self.cell.size

    def lane(self, i: int, copies: int = 1) -> Task:
        """The task of one lane, repeated."""
        return replace(
            self,
            parameters=np.repeat(self.parameters[i : i + 1], copies),
            sites=self.sites[self.cell[i] : self.cell[i] + 1],
            cell=np.zeros(copies, dtype=np.int64),
            n_samples=copies,
        )


def check_variant(variant: int | str) -> bool:
    """Whether the variant is 45; anything but 45 and 46 is refused."""
    if str(variant) not in ("45", "46"):
        raise InputError(
            "variant", found=repr(variant), wanted="46 (the product) or 45"
        )
    return str(variant) == "45"


def ecosystems(clean: xr.Dataset, ecosystem: str | None, n_cells: int) -> list[str]:
    """Class of the parameter defaults of each cell."""
    if "ecosystem" in clean:
        found = [str(v) for v in np.atleast_1d(clean["ecosystem"].values)]
        present = ", ".join(sorted(set(found)))
        if ecosystem is not None and present != ecosystem:
            raise InputError(
                "ecosystem",
                found=f"{ecosystem!r}, but the cells are {present}",
                wanted="the class of the cells",
                hint="Leave the argument out, or change the forcing's ecosystem.",
            )
    else:
        found = [ecosystem or ECOSYSTEMS[0]]
    for k, name in enumerate(found):
        if name not in ECOSYSTEMS:
            raise InputError(
                f"ecosystem, cell {k}", found=repr(name),
                wanted=" or ".join(ECOSYSTEMS),
            )  # fmt: skip
    return found * n_cells if len(found) == 1 else found


@dataclass(frozen=True)
class Domain:
    """What the lanes of every call in the same cells have in common."""

    sites: np.ndarray  # (cell,) records
    classes: tuple[str, ...]  # of the parameter defaults of each cell
    has_cells: bool

    @classmethod
    def of(
        cls, clean: xr.Dataset, mean_prec: xr.DataArray, ecosystem: str | None
    ) -> Domain:
        """Sites of checked forcing; ``mean_prec`` (cm yr-1) is that of the spin-up."""
        n_cells = clean.sizes.get("cell", 1)
        classes = tuple(ecosystems(clean, ecosystem, n_cells))
        sites = np.zeros(n_cells, dtype=SITE_TYPE)
        texture = {n: clean[n].values for n in ("sand", "silt", "clay")}
        total = sum(texture.values())
        for name, data in texture.items():
            # Fractions that miss 1 by rounding are used as they are within 1e-9 of it.
            sites[name] = np.where(np.abs(total - 1.0) < 1e-9, data, data / total)
        for name, source in (("lat", "lat"), ("bd", "bulk_density"), ("ph", "ph")):
            sites[name] = clean[source].values
        sites["mean_prec"] = mean_prec.values
        return cls(sites, classes, "cell" in clean.dims)

    def task(self, parameters: Any, variant45: bool, surface_texture_co2: bool) -> Task:
        """Lanes of all cells with these parameters, which are checked."""
        values = parameter_array(parameters or {}, self.classes, self.has_cells)
        n_samples = values.shape[0]
        flat = np.ascontiguousarray(values.reshape(-1, len(PARAMETERS)))
        task = Task(
            parameters=flat.view(PARAMETER_TYPE)[:, 0],
            sites=self.sites,
            cell=np.tile(np.arange(self.sites.size), n_samples),
            variant45=variant45,
            surface_texture_co2=bool(surface_texture_co2),
            n_samples=n_samples,
            has_cells=self.has_cells,
        )
        _check_soil(task)
        return task


def make_task(
    clean: xr.Dataset,
    mean_prec: xr.DataArray,
    parameters: xr.Dataset | Mapping[str, Any] | None,
    variant: int | str,
    ecosystem: str | None,
    surface_texture_co2: bool,
) -> Task:
    """Lanes for checked forcing; ``mean_prec`` (cm yr-1) is that of the spin-up."""
    variant45 = check_variant(variant)
    domain = Domain.of(clean, mean_prec, ecosystem)
    return domain.task(parameters, variant45, surface_texture_co2)


def _check_soil(task: Task) -> None:
    """Refuse a soil that holds no water, or a moisture line without a slope."""
    rows = new_rows(task.n_lanes)
    lanes = records(rows)
    kernel.set_lane_constants(
        lanes, task.parameters, task.sites, task.cell, task.variant45,
        task.surface_texture_co2,
    )  # fmt: skip
    n_cells = task.sites.size
    for i in np.flatnonzero(~(lanes["water_capacity"] > 0.0)):
        site = task.sites[task.cell[i]]
        raise InputError(
            f"soil of cell {task.cell[i]}",
            found=f"no available water: {lanes['water_capacity'][i]:.3g} "
            f"(bulk density {site['bd']:g} g cm-3, clay {site['clay']:g})",
            wanted="a field capacity above the wilting point",
        )
    for i in np.flatnonzero(task.parameters["pprpts_3"] <= lanes["moisture_foot"]):
        raise InputError(
            f"parameters.pprpts_3, sample {i // n_cells}, cell {task.cell[i]}",
            found=f"{task.parameters['pprpts_3'][i]:g}",
            wanted=f"above the water-capacity term {lanes['moisture_foot'][i]:.4g} "
            "(pprpts_1 + pprpts_2 times the water capacity)",
            hint="Such a proposal is outside the model: count it as rejected.",
        )


def make_weather(
    clean: xr.Dataset, co2_effect: bool, following: xr.Dataset | None = None
) -> Weather:
    """Weather records of checked forcing.

    ``following`` holds ``prec`` of the year after; by default the first year's.
    """
    n_cells = clean.sizes.get("cell", 1)
    n = clean.sizes["time"]

    def array(values: xr.DataArray) -> np.ndarray:
        return np.ascontiguousarray(np.broadcast_to(values.values, (n_cells, n)))

    prec = array(clean["prec"])
    doublings = np.zeros((n_cells, n))
    if co2_effect:
        yearly = array(clean["co2"]).reshape(n_cells, -1, 12).mean(axis=2)
        doublings = np.repeat(np.log10(yearly / 350.0) / np.log10(2.0), 12, axis=1)
    months = prepare(
        np.stack([array(clean["tmin"]), array(clean["tmax"]), prec, doublings]),
        np.broadcast_to(clean["lat"].values, (n_cells,)),
    )
    after = prec[:, :12]
    if following is not None:
        after = np.broadcast_to(following["prec"].values[..., :12], (n_cells, 12))
    return Weather(months, np.ascontiguousarray(after))


def prepare(drivers: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Weather records from tmin, tmax, prec, CO2 doublings, (4, cell, month)."""
    out = np.zeros(drivers.shape[1:], dtype=WEATHER_TYPE)
    tmin, tmax, prec, doublings = np.ascontiguousarray(drivers)
    kernel.prepare(tmin, tmax, prec, doublings, np.ascontiguousarray(latitude), out)
    return out


def following_year(given: xr.Dataset | None, clean: xr.Dataset) -> xr.Dataset | None:
    """Checked forcing of the year after the last, if it is given."""
    if given is None:
        return None
    checked = validate_forcing(given, where="following_year")
    expected = clean["time"].values[-1].astype("datetime64[M]") + np.timedelta64(1, "M")
    found = checked["time"].values[0].astype("datetime64[M]")
    if found != expected:
        raise InputError(
            "following_year", found=f"from {found} on", wanted=f"from {expected} on"
        )
    return checked


def new_rows(n: int) -> np.ndarray:
    """Memory of ``n`` lanes, (lane, number)."""
    return np.zeros((n, LANE_TYPE.itemsize // 8))


def records(rows: np.ndarray) -> np.ndarray:
    """The same memory as records, (lane,)."""
    return rows.view(LANE_TYPE)[:, 0]


_NOTHING = np.zeros(0, dtype=np.int64)


def advance(
    task: Task,
    weather: Weather,
    state: np.ndarray | None,
    passes: int = 1,
    columns: np.ndarray = _NOTHING,
    slot: np.ndarray | None = None,
    n_slots: int = 0,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Run all lanes; the final states (lane, state) and sums (lane, slot, column).

    ``state`` (lane, state) begins the run; without it the start state does.
    """
    n = task.n_lanes
    rows = new_rows(n)
    lanes = records(rows)
    if state is not None:
        rows[:, :N_STATE] = state
    out = np.zeros((n, n_slots, columns.size))
    months = weather.months.shape[1]
    where = np.full(months, -1, dtype=np.int64) if slot is None else slot

    def run(part: slice) -> None:
        kernel.run_lanes(
            lanes[part], rows[part], task.parameters[part], task.sites,
            weather.months, weather.following, task.cell[part], state is None, passes,
            task.variant45, task.surface_texture_co2, columns, where, out[part],
        )  # fmt: skip

    if threads > 1 and n > 1:
        edges = np.linspace(0, n, min(4 * threads, n) + 1).astype(int)
        parts = [slice(a, b) for a, b in pairwise(edges)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, parts))
    else:
        run(slice(None))
    return rows[:, :N_STATE].copy(), out


class Stepper:
    """Runs of one task through one weather, in the same memory each time."""

    def __init__(self, task: Task, weather: Weather):
        self._task, self._weather = task, weather
        self._rows = new_rows(task.n_lanes)
        self._lanes = records(self._rows)
        self._slot = np.full(weather.months.shape[1], -1, dtype=np.int64)
        self._out = np.zeros((task.n_lanes, 0, 0))

    def start(self, passes: int) -> np.ndarray:
        """States (lane, state) after some passes from the start state."""
        return self._run(len(self._rows), True, passes)

    def __call__(self, states: np.ndarray) -> np.ndarray:
        """States (lane, state) after one pass, of as many first lanes as are given."""
        self._rows[: len(states), :N_STATE] = states
        return self._run(len(states), False, 1)

    def _run(self, n: int, cold: bool, passes: int) -> np.ndarray:
        task, weather = self._task, self._weather
        kernel.run_lanes(
            self._lanes[:n], self._rows[:n], task.parameters, task.sites,
            weather.months, weather.following, task.cell, cold, passes, task.variant45,
            task.surface_texture_co2, _NOTHING, self._slot, self._out,
        )  # fmt: skip
        return self._rows[:n, :N_STATE].copy()


def state_array(
    state: xr.Dataset | xr.DataArray | None, task: Task
) -> np.ndarray | None:
    """Initial states of the lanes, (lane, state)."""
    if state is None:
        return None
    if isinstance(state, xr.Dataset):
        if "final_state" not in state:
            raise InputError(
                "initial_state", found="a Dataset without final_state",
                wanted="the result of simulate or equilibrium, or its final_state",
                hint="Name final_state in outputs if you choose the outputs.",
            )  # fmt: skip
        state = state["final_state"]
    names = state_names()
    if "state" not in state.dims or list(state["state"].values) != names:
        raise InputError(
            "initial_state", found=f"dimensions {state.dims}",
            wanted=f"a state of {len(names)} named entries, as simulate returns it",
        )  # fmt: skip
    variant = state.attrs.get("variant")
    wanted = 45 if task.variant45 else 46
    if variant is not None and int(variant) != wanted:
        raise InputError(
            "initial_state", found=f"a state of variant {variant}",
            wanted=f"one of variant {wanted}",
        )  # fmt: skip
    order = [d for d in ("sample", "cell", "state") if d in state.dims]
    values = state.transpose(*order).values
    if "cell" not in order:
        values = values[..., None, :]
    shape = (task.n_samples, task.sites.size, len(names))
    try:
        values = np.broadcast_to(values, shape)
    except ValueError as exc:
        raise InputError(
            "initial_state",
            found=f"sizes {dict(state.sizes)}",
            wanted=f"one state, or {shape[0]} samples by {shape[1]} cells",
        ) from exc
    return values.reshape(-1, len(names)).copy()
