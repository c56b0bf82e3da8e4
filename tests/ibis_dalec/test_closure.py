"""Water and carbon budgets close, day by day, to rounding.

Real weather with several parameter vectors drawn within their bounds, and harsh
made-up weather.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ibis_dalec
from ibis_dalec.physics.constants import HSOI, RHOW
from ibis_dalec.run.soil_properties import soil_properties

from . import harsh
from .reference import KEPT, read_run

POOLS = ["clab", "cf", "cr", "cw", "clit", "csom"]
N_SAMPLES = 16


def random_samples(seed, n=N_SAMPLES):
    """Parameter vectors drawn uniformly within the table's bounds."""
    table = ibis_dalec.parameter_table()
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(row["min"], row["max"], n) for name, row in table.iterrows()
    }


def cold_storage(forcing):
    """Water of the cold start (kg m-2): half-full pores, nothing else."""
    soil = soil_properties(float(forcing["sand"]), float(forcing["clay"]))
    return 0.5 * RHOW * soil.porosity * sum(HSOI)


def water_residual(run, forcing, storage0):
    """Water budget of each day with everything booked (mm)."""
    storage = run["water_storage"].values
    change = np.diff(
        storage, prepend=np.broadcast_to(storage0, (*storage.shape[:-1], 1))
    )
    return (
        forcing["prec"].values
        - run["et"].values
        - run["runoff"].values
        - run["drainage"].values
        - change
        - run["canopy_adjust"].values
        + run["soil_adjust"].values
        + run["soil_shortfall"].values
        - run["mix_loss"].values
        - run["evaporation_mismatch"].values
    )


def assert_water_closes(run, forcing):
    residual = water_residual(run, forcing, cold_storage(forcing))
    assert np.abs(residual).max() < 1e-9


def assert_carbon_closes(run, start):
    total = sum(run[pool].values for pool in POOLS)
    begin = np.broadcast_to(sum(start.values()), (*total.shape[:-1], 1))
    change = np.diff(total, prepend=begin)
    np.testing.assert_allclose(
        change, run["gpp"].values - run["er"].values, rtol=0, atol=1e-9
    )
    np.testing.assert_array_equal(
        run["nee"].values, run["er"].values - run["gpp"].values
    )
    np.testing.assert_array_equal(run["er"].values, run["ra"].values + run["rh"].values)
    # A difference of two equal numbers may leave a rounding of the larger one.
    for pool in POOLS:
        assert run[pool].values.min() >= -1e-12, pool


COLD = {"clab": 60.0, "cf": 58.0, "cr": 102.0, "cw": 770.0, "clit": 40.0,
        "csom": 9897.0}  # fmt: skip


@pytest.fixture(scope="module", params=["A", "B"])
def real(request, site_a, site_b):
    """Real weather, and 16 random vectors run on it from the cold start."""
    forcing = {"A": site_a, "B": site_b}[request.param].dataset()
    samples = random_samples(31)
    return forcing, ibis_dalec.simulate_batch(
        forcing, samples, spinup_cycles=0, lanes=N_SAMPLES
    )


def test_random_vectors_reach_different_forests(real):
    _, run = real
    assert np.ptp(run["lai"].values.max(1)) > 1.0
    assert np.isfinite(run["gpp"].values).all()
    assert (run["snow_water"].values.max(1) > 1.0).any()


def test_water_closes_under_any_parameters(real):
    forcing, run = real
    assert_water_closes(run, forcing)


def test_carbon_closes_under_any_parameters(real):
    _, run = real
    assert_carbon_closes(run, COLD)


def test_the_clipped_dew_is_small_in_the_reference_runs():
    run = read_run(KEPT, "siteA_coupled_set1")
    ids = set(ibis_dalec.parameter_table().index)
    ours = ibis_dalec.simulate(
        run.weather.dataset(),
        {k: v for k, v in run.parameters.items() if k in ids},
        spinup_cycles=0,
    )
    assert np.abs(ours["evaporation_mismatch"]).max() < 2.5e-4
    assert_water_closes(ours, run.weather.dataset())
    # What the Fortran does not book: the same budget from its printed columns.
    table = run.daily
    days = len(table)
    unbooked = (
        run.weather.table.prec.to_numpy()[1:days]
        - (table.aet + table.runoff + table.drainage).to_numpy()[1:]
        - np.diff(table.water_storage)
    )
    booked = (
        ours["canopy_adjust"] - ours["soil_adjust"] - ours["soil_shortfall"]
        + ours["mix_loss"]
        + ours["evaporation_mismatch"]
    ).values[1:days]  # fmt: skip
    # Storage (about 900) and fluxes are printed to 8 digits.
    np.testing.assert_allclose(unbooked, booked, rtol=0, atol=3e-2)
    assert np.abs(unbooked - booked).mean() < 1e-3


@pytest.mark.parametrize("turnover", ["M1", "M2"])
@pytest.mark.parametrize("prescribed", [False, True])
def test_carbon_closes_whatever_the_choices(site_a, turnover, prescribed):
    forcing = site_a.dataset()
    pools = {"clab": 12.5, "cf": 0.0, "cw": 12000.0, "clit": 0.0}
    run = ibis_dalec.simulate(
        forcing, spinup_cycles=0, turnover=turnover, initial_pools=pools,
        lai=np.full(site_a.days, 2.0) if prescribed else None,
    )  # fmt: skip
    assert_carbon_closes(run, COLD | pools)
    assert_water_closes(run, forcing)


def test_soil_carbon_of_ibis_closes(site_b):
    """Litter in, respiration and leaching out; nothing else changes the pools."""
    run = ibis_dalec.simulate_batch(
        site_b.dataset(), random_samples(5), spinup_cycles=0, soil_carbon="ibis",
        lanes=N_SAMPLES,
    )  # fmt: skip
    total = 1e3 * run["soil_carbon"].sum("pool").values
    litter = sum(run[f"litter_{x}"].values for x in ("leaf", "root", "wood"))
    out = run["rh"].values + run["leaching"].values
    change = np.diff(total, axis=1)
    np.testing.assert_allclose(change, (litter - out)[:, 1:], rtol=0, atol=1e-9)
    # A difference of totals near 1e4: zero on the first day, to its rounding.
    assert run["rh"].values.min() > -1e-9
    np.testing.assert_array_equal(run["er"].values, (run["ra"] + run["rh"]).values)


def test_carbon_closes_when_litter_turns_over_in_a_day():
    """With p10 at its bound a warm day's rate passes 1: no pool may go below 0."""
    forcing = harsh.forcing(3, mean=30.0, swing=8.0, days=60, start="2001-05-01")
    run = ibis_dalec.simulate(forcing, {"p10": 0.2}, spinup_cycles=0)
    assert_carbon_closes(run, COLD)
    assert run["clit"].values.max() < 200.0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(harsh.weathers, st.integers(0, 2**32 - 1), st.sampled_from([None, 0.0, 7.0]))
def test_budgets_close_in_any_weather(forcing, seed, lai):
    samples = {k: float(v[0]) for k, v in random_samples(seed, 1).items()}
    days = forcing.sizes["time"]
    run = ibis_dalec.simulate(
        forcing, samples, spinup_cycles=0,
        lai=None if lai is None else np.full(days, lai),
    )  # fmt: skip
    for name in run.data_vars:
        assert np.isfinite(run[name].values).all(), name
    assert_water_closes(run, forcing)
    assert_carbon_closes(run, COLD)
    assert ((run["soil_moisture"] >= 0.0) & (run["soil_moisture"] <= 1.0)).all()
    assert ((run["soil_ice"] >= 0.0) & (run["soil_ice"] <= 1.0)).all()
    assert (run["snow_water"] >= 0.0).all()
    assert (run["transpiration"] >= 0.0).all()
    assert (run["gpp"] >= 0.0).all()
    assert (run["drainage"] >= 0.0).all()
    assert run["soil_temperature"].values.min() > 190.0
    assert run["soil_temperature"].values.max() < 350.0


ENERGY = ("sw_net", "lw_in", "lw_out", "sensible_heat", "latent_heat", "ground_heat")


def test_energy_closes_but_for_what_the_canopy_stores():
    """Net radiation less the three heats is what leaves, stems and their air took up.

    Stems warm up from January to July, and rain brings heat of its own: on a day that
    is up to 90 W m-2, over 200 days about 1.
    """
    forcing = read_run(KEPT, "siteA_coupled_set1").weather.dataset()
    run = ibis_dalec.simulate(
        forcing, {}, spinup_cycles=0,
        outputs=[*ENERGY, "et", "skin_temperature", "soil_water", "soil_water_top",
                 "water_storage", "snow_water"],
    )  # fmt: skip
    net = run["sw_net"] + run["lw_in"] - run["lw_out"]
    rest = net - run["sensible_heat"] - run["latent_heat"] - run["ground_heat"]
    assert abs(float(rest.mean())) < 1.5
    assert (np.abs(rest.groupby("time.month").mean()) < 4.0).all()
    assert 2.0 < float(run["ground_heat"].mean()) < 15.0  # the soil warms up too
    # Water that evaporates takes 2.4 to 2.6 MJ kg-1, 2.8 where it is ice.
    heat = float(run["latent_heat"].sum() * 86400.0 / run["et"].sum())
    assert 2.48e6 < heat < 2.60e6
    # The skin is warmer than the soil in summer days, and near the air's temperature.
    air = 0.5 * (forcing["tmin"] + forcing["tmax"]).to_numpy() + 273.15
    assert np.abs(run["skin_temperature"].to_numpy() - air).mean() < 2.0
    water = run["soil_water"].to_numpy()
    assert (run["soil_water_top"].to_numpy() < water).all()
    left = run["water_storage"].to_numpy() - water - run["snow_water"].to_numpy()
    assert ((left > -1e-6) & (left < 10.0)).all()  # puddles and canopy
