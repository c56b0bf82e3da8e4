"""The model in some weather, opened and checked once for many parameter vectors."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.run.equilibrium import annual_precipitation, solve_lanes
from landmodels.century.run.outputs import Recording
from landmodels.century.run.task import (
    Domain,
    Task,
    advance,
    check_variant,
    following_year,
    make_weather,
    state_array,
)
from landmodels.century.spinup_weather import detrended
from landmodels.errors import InputError
from landmodels.spinup import Equilibrium

logger = logging.getLogger(__name__)

SPINUPS = ("equilibrium", "run", "start")


@dataclass(frozen=True)
class Ran:
    """What a run of all lanes gives.

    Attributes
    ----------
    task : Task
    final : ndarray (lane, state)
    out : ndarray (lane, slot, column)
    found : list of Equilibrium
        Of each lane; none without such a spin-up.
    """

    task: Task
    final: np.ndarray
    out: np.ndarray
    found: list[Equilibrium]


class Simulator:
    """The model in some weather, for calls that differ in their parameters alone.

    A call costs what the model costs; forcing and options are looked at once. The
    numbers are those of :func:`landmodels.century.simulate_batch`.

    Parameters
    ----------
    forcing, variant, ecosystem, co2_effect, surface_texture_co2, spinup
        As for :func:`landmodels.century.simulate_batch`.
    spinup_forcing, spinup_cycles, following, depth_factor, outputs, window, threads
        As for :func:`landmodels.century.simulate_batch`.
    continues : bool
        Whether runs begin with a given state, and have no spin-up.

    Raises
    ------
    InputError
        If forcing or options cannot be used.

    Examples
    --------
    >>> from landmodels.century import plateau_forcing
    >>> model = Simulator(plateau_forcing().isel(cell=[0, 7]), outputs=["nep", "soc"])
    >>> found = model({"prdx_1": [0.4, 0.5, 0.6]})
    >>> found["soc"].shape
    (3, 2, 720)
    >>> bool((found["soc"][2] > found["soc"][0]).all())
    True
    """

    def __init__(
        self,
        forcing: xr.Dataset,
        *,
        variant: int | str = 46,
        ecosystem: str | None = None,
        co2_effect: bool = False,
        surface_texture_co2: bool = False,
        spinup: str = "equilibrium",
        spinup_forcing: xr.Dataset | None = None,
        spinup_cycles: int = 400,
        following: xr.Dataset | None = None,
        depth_factor: float = 1.0,
        outputs: Sequence[str] | None = None,
        window: Any = None,
        threads: int = 1,
        continues: bool = False,
    ):
        self.clean = clean = validate_forcing(forcing, co2=co2_effect)
        after = following_year(following, clean)
        self.recording = Recording.choose(outputs)
        self._slot, self._n_slots = _windows(window, clean.sizes["time"])
        _check_options(spinup, spinup_cycles, depth_factor)
        spin = _spinup_years(clean, spinup_forcing, continues, spinup)
        self._variant45 = check_variant(variant)
        self._domain = Domain.of(clean, annual_precipitation(spin), ecosystem)
        self._weather = make_weather(clean, co2_effect, after)
        self._spin_weather = None
        if not continues and spinup != "start":
            self._spin_weather = make_weather(
                _first_co2(spin, clean, co2_effect), co2_effect
            )
        self._spinup = "initial_state" if continues else spinup
        self._cycles, self._threads = int(spinup_cycles), threads
        self._co2, self._texture_co2 = co2_effect, bool(surface_texture_co2)
        self.depth_factor = float(depth_factor)
        self.window = window

    def __call__(
        self, parameters: xr.Dataset | Mapping[str, Any] | None = None
    ) -> dict[str, np.ndarray]:
        """Simulate; name to values (sample, cell, month or window).

        A lane without a steady state holds NaN.

        Raises
        ------
        InputError
            If a parameter cannot be used; nothing has run.
        """
        ran = self.run(parameters)
        shape = (ran.task.n_samples, ran.task.sites.size, *ran.out.shape[1:])
        return self.recording.arrays(ran.out.reshape(shape), self.depth_factor)

    def run(self, parameters: Any, initial_state: Any = None) -> Ran:
        """Simulate every lane, from a state if the run continues one, and only then."""
        if (initial_state is not None) != (self._spinup == "initial_state"):
            raise InputError(
                "initial_state",
                found="none" if initial_state is None else "a state",
                wanted="a state with continues=True, and none without",
            )
        task = self._domain.task(parameters, self._variant45, self._texture_co2)
        state = state_array(initial_state, task)
        found: list[Equilibrium] = []
        if self._spin_weather is not None and self._spinup == "equilibrium":
            found = solve_lanes(task, self._spin_weather, self._threads)
            state = np.stack([e.state for e in found])
        elif self._spin_weather is not None:
            state, _ = advance(
                task, self._spin_weather, None, self._cycles, threads=self._threads
            )
        final, out = advance(
            task, self._weather, state, 1, self.recording.columns, self._slot,
            self._n_slots, self._threads,
        )  # fmt: skip
        known = np.zeros(task.n_lanes, bool)
        if state is not None:
            known = ~np.isfinite(state).all(axis=1)
        final, out = _only_numbers(task, final, out, self._slot, known)
        return Ran(task, final, out, found)

    def facts(self) -> dict[str, Any]:
        """What every result states of how it was made."""
        facts = {
            "variant": 45 if self._variant45 else 46,
            "spinup": self._spinup,
            "co2_effect": "on" if self._co2 else "off",
            "surface_texture_co2": "on" if self._texture_co2 else "off",
        }
        if self._spinup == "run":
            facts["spinup_cycles"] = self._cycles
        return facts


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
