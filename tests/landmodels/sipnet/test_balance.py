"""Carbon and water close at every step, with every gain of a clamp booked."""

import itertools

import numpy as np
import pandas as pd
import pytest

from landmodels import sipnet

from .cases import random_parameters

POOLS = ("wood", "unallocated", "leaf", "coarse_root", "fine_root", "soil", "litter")


def initial_pools(values, options):
    """Carbon and water before the first step (section 3.1)."""
    litter = values["litterInit"] if options.get("litter_pool") else 0.0
    leaf = values["laiInit"] * values["leafCSpWt"]
    water = values["soilWFracInit"] * values["soilWHC"]
    if options.get("legacy"):
        water = np.minimum(water, values["soilWHC"])
    carbon = values["plantWoodInit"] + leaf + values["soilInit"] + litter
    return carbon, water + values["snowInit"]


def carbon_residual(run, start):
    total = sum(run[name] for name in POOLS).transpose("sample", "time").values
    change = np.diff(
        total, axis=1, prepend=np.broadcast_to(start, total.shape[:1])[:, None]
    )
    gain = (
        -run["nee"] - run["methane"] + run["event_carbon_input"]
        - run["event_carbon_export"] + run["clamp_carbon"] + run["legacy_carbon"]
    )  # fmt: skip
    return np.abs(change - gain.values)


def water_residual(run, forcing, start):
    total = (run["soil_water"] + run["snow"]).values
    change = np.diff(
        total, axis=1, prepend=np.broadcast_to(start, total.shape[:1])[:, None]
    )
    precipitation = forcing["precip"].values * 0.1
    gain = (
        precipitation + run["irrigation"] - run["et"] - run["fast_flow"]
        - run["drainage"] + run["clamp_water"]
    )  # fmt: skip
    return np.abs(change - gain.values)


CHOICES = [
    {},
    {"growth_respiration": False},
    {"litter_pool": True, "leaf_water": True, "phenology": "soil_temperature"},
    {"litter_pool": True, "flooding": True, "anaerobic": True,
     "carbon_saturation": True},
    {"water_respiration": False, "phenology": "calendar"},
    {"anaerobic": True},
    {"legacy": True},
    {"legacy": True, "leaf_water": True, "phenology": "calendar"},
]  # fmt: skip


def events_for(kind, seed):
    """A few events of a half-year run."""
    if kind == "none":
        return None
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(np.arange(2, 180), 10, replace=False))
    rows = [
        {"kind": "irrig", "a": 4.0, "b": 0.0}, {"kind": "irrig", "a": 4.0, "b": 1.0},
        {"kind": "harv", "a": 0.3, "b": 0.1, "c": 0.6, "d": 0.2},
        {"kind": "plant", "a": 20.0, "b": 50.0, "c": 30.0, "d": 10.0},
        {"kind": "fert", "a": 3.0, "b": 12.0, "c": 1.0}, {"kind": "till", "a": 0.4},
        {"kind": "harv", "a": 0.9, "b": 0.9, "c": 0.1, "d": 0.1},
        {"kind": "plant", "a": 5.0, "b": 5.0, "c": 3.0, "d": 1.0},
        {"kind": "irrig", "a": 9.0, "b": 1.0}, {"kind": "till", "a": 0.2},
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    return table.assign(year=1999, day=days)


@pytest.mark.parametrize(
    ("options", "events"), list(itertools.product(CHOICES, ["none", "all"]))
)
def test_carbon_and_water_close_at_every_step(options, events, niwot):
    values = random_parameters(np.random.default_rng(11), 12)
    # A dry soil, much root respiration and long roots make pools run empty.
    values["baseFineRootResp"][:4] = 30.0
    values["soilWFracInit"][2:6] = 0.0
    values["leafTurnoverRate"][4:8] = 50.0
    run = sipnet.simulate_batch(
        niwot, values, options=options, events=events_for(events, 5)
    )
    carbon, water = initial_pools(values, options)
    total = sum(run[name] for name in POOLS).max().item()
    assert carbon_residual(run, carbon).max() < 1e-13 * total + 1e-10
    assert carbon_residual(run, carbon).max() < 1e-9
    assert water_residual(run, niwot, water).max() < 1e-12


def test_clamps_and_deaths_are_among_the_cases_above(niwot):
    values = random_parameters(np.random.default_rng(11), 12)
    values["baseFineRootResp"][:4] = 30.0
    values["leafTurnoverRate"][4:8] = 50.0
    run = sipnet.simulate_batch(niwot, values)
    assert (run["clamp_water"] != 0.0).any()
    legacy = sipnet.simulate_batch(niwot, values, options="legacy")
    assert (legacy["clamp_carbon"] > 0.0).any()
    assert run["died"].any()
    assert not run["died"].all()


def test_unallocated_carbon_changes_by_production_minus_allocation(case):
    """The four creations add up to the mean NPP, before and after the correction."""
    one = case("niwot_set2")
    run = one.simulate()
    dt = one.forcing["step_length"].values
    unallocated = np.diff(run["unallocated"].values, prepend=0.0)
    expected = run["npp"].values - run["mean_npp"].values * dt
    assert np.abs(unallocated - expected).max() < 1e-10


def test_legacy_runs_create_the_carbon_that_is_booked(case):
    run = case("legacy_niwot_set2").simulate()
    assert run["legacy_carbon"].sum() > 50.0
    assert (case("niwot_set2").simulate()["legacy_carbon"] == 0.0).all()


def test_accumulated_exchange_is_the_change_of_the_ecosystems_carbon(case):
    run = case("harvard_calendar").simulate()
    total = sum(run[name] for name in POOLS)
    change = float(total[-1] - total[100])
    released = float(run["nee"][101:].sum() - run["clamp_carbon"][101:].sum())
    assert change == pytest.approx(-released, abs=1e-8)
