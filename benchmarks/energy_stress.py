"""Whether energy closes, hour by hour, in weather as extreme as can be.

    python -m benchmarks.energy_stress --place-days 2000

`benchmarks.physics_stress` judges water, carbon and finiteness of whole years. Here
days out of such years (the same places, weather and parameter vectors) are traced
through the stages of each hour, and the laws of `tests.ibis_dalec.test_closure_hours`
are compared with them: light, infrared, the heat of intercepted water, the eight
balances of leaves, stems, canopy air, ground and snow, what they give to the air, and
the heat of snow and soil. Reported are, for each law, the hours judged, how many are
open beyond the law's own limit, and the largest opening over that limit.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.physics_stress import N_PLACES, parameters, places
from ibis_dalec.forcing import DAILY
from tests.ibis_dalec.driver import Hours, Lane
from tests.ibis_dalec.physics import test_closure_hours as laws
from tests.ibis_dalec.reference import Weather

PLACES_A_BLOCK = 4
DAYS_A_PLACE = 10
_BLOCKS_AT_ONCE = 10
_SOIL_LIMIT = 1e-3  # J m-2, of the law of the soil's heat
_HEAT_OF_WATER = 6e5  # J kg-1: melting, and warming by 60 K
_HEAT_OF_VAPOUR = 3e6  # J kg-1: evaporation, and warming


@dataclass
class Judge:
    """Takes the place of the laws' own assertion, and writes down every opening."""

    excess: list[NDArray] = field(default_factory=list)

    def __call__(
        self, found: NDArray, wanted: NDArray, scale: NDArray | float, relative: float
    ) -> None:
        """Opening over the law's limit; 1 is just allowed."""
        error = np.abs(found - wanted) / scale / relative
        self.excess.append(np.where(np.isnan(error), np.inf, error).ravel())


def weather_of(forcing: xr.Dataset, pixel: int) -> Weather:
    """One extreme place, as the tracer takes it."""
    one = forcing.isel(pixel=pixel)
    days = forcing.indexes["time"]
    table = pd.DataFrame({name: one[name].to_numpy() for name in DAILY})
    table = table.assign(year=days.year, doy=days.day_of_year)
    lat, sand, clay = (float(one[name]) for name in ("lat", "sand", "clay"))
    return Weather(table, lat, sand, clay)


def trace_days(seed: int) -> dict[str, list[NDArray]]:
    """Stages of the hours of some days of one block of places."""
    rng = np.random.default_rng([seed, 3])
    forcing, vectors = places(seed), parameters(seed)
    parts: dict[str, list[NDArray]] = {}
    for pixel in rng.choice(N_PLACES, PLACES_A_BLOCK, replace=False):
        weather = weather_of(forcing, pixel)
        one = vectors.isel(pixel=pixel)
        lane = Lane(weather, {str(k): float(v) for k, v in one.data_vars.items()})
        at = 0
        for day in np.sort(rng.choice(weather.days, DAYS_A_PLACE, replace=False)):
            lane.run(range(at, day))
            for stage, hours in lane.trace(range(day, day + 1)).items():
                parts.setdefault(stage, []).append(hours.records.ravel())
            at = day + 1
    return parts


def heat_of_soil(trace: laws.Trace) -> None:
    """Hold the law of the soil's heat in every hour, and allow for water set right.

    Water that is set right or missed (booked and judged by
    `benchmarks.physics_stress`) takes heat along that nothing books: as much as it
    holds. An hour with such water is open by no more than that.
    """
    before, after = trace.snow, trace.soil
    # As many mm as kg m-2. The law leaves such hours out: here it gets no reason to.
    set_right = np.abs(after.gadjust - before.gadjust)
    missed = np.abs(after.soil_shortfall - before.soil_shortfall)
    heat = _HEAT_OF_WATER * set_right + _HEAT_OF_VAPOUR * missed
    stages = {name: Hours(hours.records.copy()) for name, hours in vars(trace).items()}
    for stage in ("snow", "soil"):
        stages[stage].records["gadjust"] = 0.0
    record, whole = Judge(), laws.close
    laws.close = record
    try:
        laws.test_soil_loses_no_heat(laws.Trace(**stages))
    finally:
        laws.close = whole
    open_by = record.excess[-1] * _SOIL_LIMIT
    whole(open_by / (_SOIL_LIMIT + heat), 0.0, 1.0, 1.0)


LAWS = {
    "light": laws.test_light_closes_in_every_traced_hour,
    "infrared": lambda trace: [
        laws.test_infrared_in_less_out_is_what_the_parts_gain(trace, stage)
        for stage in ("light", "fluxes")
    ],
    "heat of interception": laws.test_interception_loses_no_heat,
    "heat of wet leaves": laws.test_evaporation_of_intercepted_water_and_its_phase,
    "eight balances": laws.test_the_solution_satisfies_the_eight_equations,
    "heat into the air": laws.test_fluxes_to_the_air_follow_from_the_solution,
    "heat of snow": laws.test_snow_loses_no_heat,
    "heat of soil": heat_of_soil,
}


def trace_blocks(seeds: Iterable[int]) -> laws.Trace:
    """Trace days of some blocks, one after another."""
    parts: dict[str, list[NDArray]] = {}
    for seed in seeds:
        for stage, found in trace_days(seed).items():
            parts.setdefault(stage, []).extend(found)
    return laws.Trace(**{s: Hours(np.concatenate(x)) for s, x in parts.items()})


def judge(trace: laws.Trace) -> Iterator[tuple[str, NDArray, str]]:
    """Yield each law, its openings over its limit, and what else it complains of."""
    whole = laws.close
    for name, law in LAWS.items():
        laws.close = judged = Judge()
        complaint = ""
        try:
            law(trace)
        except AssertionError as exc:
            complaint = str(exc).strip().split("\n")[0]
        finally:
            laws.close = whole
        yield name, np.concatenate([*judged.excess, np.empty(0)]), complaint


def main() -> None:
    """Trace, judge, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--place-days", type=int, default=2000)
    parser.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args()
    n_blocks = -(-asked.place_days // (PLACES_A_BLOCK * DAYS_A_PLACE))
    openings: dict[str, list[NDArray]] = {name: [] for name in LAWS}
    for first in track(range(0, n_blocks, _BLOCKS_AT_ONCE), description="blocks"):
        seeds = range(first, min(first + _BLOCKS_AT_ONCE, n_blocks))
        trace = trace_blocks([asked.first_seed + seed for seed in seeds])
        for name, excess, complaint in judge(trace):
            openings[name].append(excess)
            if complaint:
                print(f"blocks {seeds.start} to {seeds.stop - 1}: {name}: {complaint}")
    n_places = n_blocks * PLACES_A_BLOCK
    print(f"{n_places * DAYS_A_PLACE:,} place-days at {n_places:,} places")
    for name, parts in openings.items():
        excess = np.concatenate(parts)
        print(
            f"{name:<22} {excess.size:9,} balances, {(excess > 1.0).sum():,} open, "
            f"largest {excess.max():.2g} of the limit"
        )


if __name__ == "__main__":
    main()
