"""Spin-up: the published behaviour, the shortcut, and the slow pools' closed form."""

import numpy as np
import pytest

import ibis_dalec
from ibis_dalec.run import initialise as prepare

from ..driver import Lane

#: Cycles of year 2000 at site A, defaults: annual GPP and NEE, pools at the end of
#: the year (g m-2), as printed in the specification, section 15.
TABLE = {
    1: (909.8, -223.2, 1.6, 103.0, 99.8, 988, 55.1, 9902),
    5: (943.4, -232.2, 2.0, 125.8, 101.9, 1842, 63.6, 9966),
    10: (944.10, -230.5, 2.0, 126.5, 102.1, 2824, 63.9, 10136),
    50: (944.11, -225.6, 2.0, 126.5, 102.1, 7962, 63.9, 14135),
}
#: Half a printed digit; a whole one for wood and soil (another build's constants).
DIGITS = (0.05, 0.05, 0.05, 0.05, 0.05, 1.0, 0.05, 1.0)
POOLS = ("cf", "clab", "cr", "cw", "clit", "csom")


@pytest.fixture(scope="module")
def year(three_years):
    return three_years.dataset().isel(time=slice(0, 366))


@pytest.mark.parametrize("cycles", TABLE)
def test_the_published_spin_up(year, cycles):
    """The run itself is the last cycle.

    After ten cycles of full physics only the slow pools move on, so the last digit
    of the fiftieth may differ: by less than 1e-4.
    """
    run = ibis_dalec.simulate(year, spinup_cycles=cycles - 1)
    found = [float(run[name].sum()) for name in ("gpp", "nee")]
    found += [float(run[name][-1]) for name in POOLS]
    for value, wanted, digit in zip(found, TABLE[cycles], DIGITS, strict=True):
        loose = 1e-4 * abs(wanted) if cycles > 10 else 0.0
        assert abs(value - wanted) <= max(digit, loose) * (1.0 + 1e-9)


def test_fifty_cycles_by_shortcut_are_fifty_cycles_of_full_physics(year):
    shortcut = ibis_dalec.simulate(year, spinup_cycles=49)
    state = ibis_dalec.simulate(year, spinup_cycles=0, outputs=["final_state"])
    for _ in range(48):
        state = ibis_dalec.simulate(year, initial_state=state, outputs=["final_state"])
    full = ibis_dalec.simulate(year, initial_state=state)
    for name in ("gpp", "nee", "er", "et"):
        assert float(shortcut[name].sum()) == pytest.approx(
            float(full[name].sum()), rel=1e-4
        )
    for pool in POOLS:
        np.testing.assert_allclose(shortcut[pool], full[pool], rtol=1e-4)


def test_ibis_soil_carbon_by_shortcut_follows_the_full_cycles(year):
    options = {"soil_carbon": "ibis", "respiration": "ibis"}
    shortcut = ibis_dalec.simulate(year, spinup_cycles=14, **options)
    state = ibis_dalec.simulate(year, spinup_cycles=0, **options)
    for _ in range(14):
        state = ibis_dalec.simulate(year, initial_state=state, **options)
    np.testing.assert_allclose(
        shortcut["soil_carbon"][-1], state["soil_carbon"][-1], rtol=1e-4
    )
    assert float(shortcut["rh"].sum()) == pytest.approx(
        float(state["rh"].sum()), rel=1e-4
    )


@pytest.mark.parametrize(("pool", "more"), [("cw", 1000.0), ("cr", 50.0),
                                            ("csom", 2000.0)])  # fmt: skip
def test_a_slow_pool_forgets_its_start_in_closed_form(year, pool, more):
    """Linear pools: what was more at the start shrinks by the product of the days.

    Sixty cycles, of which 49 are the shortcut, and the year of the run.
    """
    cycles = 60
    runs = [
        ibis_dalec.simulate(
            year, spinup_cycles=cycles, outputs=POOLS, initial_pools={pool: start}
        )
        for start in (prepare.INITIAL_POOLS[pool],
                      prepare.INITIAL_POOLS[pool] + more)
    ]  # fmt: skip
    left = float(runs[1][pool][-1] - runs[0][pool][-1])
    mean = 0.5 * (year["tmin"] + year["tmax"]).values
    daily = {
        "cr": np.full(366, 1.0 - 1.0 / 365.25),
        "cw": np.full(366, 1.0 - 1.0 / (365.25 * 50.0)),
        "csom": 1.0 - 2.65e-6 * 0.5 * np.exp(0.073 * mean),
    }[pool]
    wanted = more * np.prod(daily) ** (cycles + 1)
    assert left == pytest.approx(wanted, rel=1e-8, abs=1e-9)
    # Nothing feeds back on leaves.
    np.testing.assert_array_equal(runs[0]["cf"], runs[1]["cf"])


def test_spin_up_repeats_the_first_year_alone(three_years):
    whole = three_years.dataset()
    first = ibis_dalec.simulate(whole.isel(time=slice(0, 366)), spinup_cycles=2)
    long = ibis_dalec.simulate(whole, spinup_cycles=2)
    for name in ("gpp", "et", "cw"):
        np.testing.assert_array_equal(long[name][:366], first[name])


def test_a_canopy_that_starves_is_reported_and_not_an_error(year):
    run = ibis_dalec.simulate(
        year, {"p3": 0.01, "p17": 100.0, "p2": 0.7}, spinup_cycles=0,
        initial_pools={"clab": 0.0, "cf": 0.0},
    )  # fmt: skip
    assert bool(run["collapsed"])
    assert float(run["lai"].max()) < 0.1
    assert not bool(ibis_dalec.simulate(year, spinup_cycles=0)["collapsed"])


# --- responses of years 2 and 3 at site A, printed in section 15 (% of GPP)

RESPONSES = [
    ("vmax", 8e-5, 85), ("vmax", 2e-5, -33), ("theta3", 0.6, -23),
    ("beta3", 0.6, -30), ("alpha3", 0.09, 4), ("p5", 0.02, 12), ("p14", 0.2, 4),
    ("p15", 0.03, -4), ("p17", 200.0, -4), ("p18", 90.0, -10), ("p20", 220.0, -11),
    ("p3", 0.2, -14), ("p16", 0.4, -10), ("p12", 350.0, -7), ("p2", 0.6, -6),
    ("beta2", 0.75, -19), ("beta1", 0.80, 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def responses(three_years):
    """GPP of years 2 and 3 from the cold start: the defaults, then each row."""
    table = ibis_dalec.parameter_table()
    samples = {
        name: np.full(1 + len(RESPONSES), float(table.default[name]))
        for name in table.index
    }
    for i, (name, value, _) in enumerate(RESPONSES):
        samples[name][1 + i] = value
    run = ibis_dalec.simulate_batch(
        three_years.dataset(), samples, spinup_cycles=0, outputs=["gpp"], lanes=16
    )
    return run["gpp"].sel(time=slice("2001", "2002")).sum("time").values


@pytest.mark.parametrize("row", range(len(RESPONSES)),
                         ids=[f"{n}={v:g}" for n, v, _ in RESPONSES])  # fmt: skip
def test_published_responses_of_gpp(responses, row):
    change = 100.0 * (responses[1 + row] / responses[0] - 1.0)
    assert abs(change - RESPONSES[row][2]) <= 0.6


def test_root_profile_of_the_empty_lower_canopy_changes_no_gpp(responses):
    names = [name for name, _, _ in RESPONSES]
    assert responses[1 + names.index("beta1")] == responses[0]


@pytest.mark.parametrize(
    ("change", "gpp", "et"),
    [("wind", 0.2, -6.0), ("sai", -9.1, 2.3), ("stressfac", 1.3, 0.3)],
)
def test_published_sensitivity_to_choices(three_years, change, gpp, et):
    """Rows of the table of section 15 that need no other model, site A."""
    sums = []
    for changed in (False, True):
        lane = Lane(three_years)
        if changed and change == "wind":
            lane.forcing[:, 3] = 2.5
        elif changed and change == "sai":
            lane["sai"] = 0.05
        elif changed:
            lane["stressfac"] = -50.0
            lane["stress_scale"] = 1.0 / (1.0 - np.exp(-50.0))
        found = lane.run(three_years.days, ["gpp", "et"])
        sums.append([found[name][366:].sum() for name in ("gpp", "et")])
    percent = 100.0 * (np.array(sums[1]) / sums[0] - 1.0)
    np.testing.assert_allclose(percent, (gpp, et), rtol=0, atol=0.06)


def generated_year():
    from landdata import generate_weather, harvard_normals

    rng = np.random.default_rng(1)
    return generate_weather(harvard_normals(), (2001, 2001), rng)


def drawn(n):
    table = ibis_dalec.parameter_table()
    rng = np.random.default_rng(3)
    names = ("vmax", "p5", "p14", "p18", "p20")
    return {k: rng.uniform(table["min"][k], table["max"][k], n) for k in names}


def test_a_spin_up_that_stops_when_settled_changes_little_and_stops_early():
    """Each sample stops for itself, whatever runs beside it and in which order."""
    weather, values, n = generated_year(), drawn(18), 18
    options = {"spinup_cycles": 9, "outputs": ("gpp", "lai", "nee", "cw")}
    full = ibis_dalec.simulate_batch(weather, values, **options)
    early = ibis_dalec.simulate_batch(weather, values, settled=0.01, **options)
    gap = np.abs(early["gpp"] - full["gpp"]).mean("time").to_numpy()
    assert 0.0 < gap.max() < 0.03  # g m-2 d-1
    assert np.median(gap) < 0.005
    # The slow pools have gone through all cycles.
    np.testing.assert_allclose(early["cw"], full["cw"], rtol=0.02)
    assert float(np.abs(early["nee"] - full["nee"]).max()) < 0.5
    order = np.random.default_rng(1).permutation(n)[:7]
    others = {name: value[order] for name, value in values.items()}
    again = ibis_dalec.simulate_batch(weather, others, settled=0.01, **options)
    for name in options["outputs"]:
        np.testing.assert_array_equal(again[name], early[name][order])


def test_nothing_stops_early_where_nothing_settles():
    weather, values = generated_year(), drawn(3)
    options = {"spinup_cycles": 3, "outputs": ("gpp",)}
    full = ibis_dalec.simulate_batch(weather, values, **options)
    exact = ibis_dalec.simulate_batch(weather, values, settled=1e-12, **options)
    np.testing.assert_array_equal(full["gpp"], exact["gpp"])
    with pytest.raises(ibis_dalec.InputError, match="settled"):
        ibis_dalec.simulate_batch(weather, values, settled=1.5, **options)
