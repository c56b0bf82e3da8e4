"""The steady state is one: it stays, long runs end at it, and its kind is said."""

from functools import cache

import numpy as np
import pytest
import xarray as xr

from benchmarks.reference_runs import century as reference_runs
from landmodels import century
from landmodels.century.carbon_map import carbon_map
from landmodels.spinup import linear_equilibrium

from .cases import KEPT, alpine, prior_samples

#: Entries of the state: dead and plant carbon, nitrogen, storage.
STOCKS = slice(0, 25)


PERIODIC, MEAN = "meadow_wet_longseason", "meadow_sand"


@cache
def solve(name):
    """Spin-up weather, parameters and steady state of a reference case."""
    header = reference_runs._header(KEPT / f"{name}_variant46.csv")
    parameters = reference_runs.parameters_of(header)
    site = reference_runs.site_of(header)
    spin = century.read_weather(
        KEPT / f"{name}_forcing.csv", site=site, period="spinup"
    )
    return name, spin, parameters, century.equilibrium(spin, parameters)


@pytest.fixture(scope="module", params=[PERIODIC, MEAN])
def solved(request):
    return solve(request.param)


@pytest.fixture(scope="module")
def periodic():
    return solve(PERIODIC)


def relative(one, other):
    one, other = one.values[..., STOCKS], other.values[..., STOCKS]
    large = np.abs(other) > 1e-6
    return float((np.abs(one - other)[large] / np.abs(other)[large]).max())


def run(spin, parameters, passes, **keywords):
    return century.simulate(
        spin, parameters, spinup="run", spinup_cycles=passes, spinup_forcing=spin,
        outputs=["soc", "final_state"], **keywords,
    )  # fmt: skip


def test_kinds_are_as_known(solved):
    name, _, _, found = solved
    known = {PERIODIC: "periodic", MEAN: "mean"}
    assert str(found["spinup_kind"].values) == known[name]
    assert 100 < int(found["spinup_site_years"]) < 1500


def test_a_periodic_state_repeats_and_stays(periodic):
    _, spin, parameters, found = periodic
    assert float(found["spinup_change"]) < 1e-9
    for weather, cycles in ((spin, 1), (repeated(spin, 25), 16)):
        state = found
        for _ in range(cycles):
            state = century.simulate(
                weather, parameters, initial_state=state, outputs=["final_state"]
            )
        assert relative(state["final_state"], found["final_state"]) < 1e-6


def repeated(spin, times):
    """The spin-up years, several times one after the other."""
    long = spin.isel(time=np.tile(np.arange(spin.sizes["time"]), times))
    months = np.arange(long.sizes["time"]) + spin["time"].values[0].astype(
        "datetime64[M]"
    )
    return long.assign_coords(time=months.astype("datetime64[ns]"))


def test_a_hundred_thousand_years_end_at_it(solved):
    _, spin, parameters, found = solved
    long = run(spin, parameters, 10_000)
    after = century.simulate(
        spin, parameters, initial_state=found, outputs=["soc", "final_state"]
    )
    if str(found["spinup_kind"].values) == "periodic":
        assert relative(after["final_state"], long["final_state"]) < 1e-6
    soc = float(after["soc"].mean()), float(long["soc"].mean())
    assert soc[0] == pytest.approx(soc[1], rel=5e-4)


def test_the_protocol_run_is_another_state(solved):
    name, spin, parameters, found = solved
    soc = century.simulate(spin, parameters, initial_state=found, outputs=["soc"])
    protocol = run(spin, parameters, 400)
    gap = float(protocol["soc"].mean() / soc["soc"].mean()) - 1.0
    known = {PERIODIC: -0.036, MEAN: 0.008}
    assert gap == pytest.approx(known[name], abs=0.001)
    assert protocol.attrs["spinup"] == "run"
    assert protocol.attrs["spinup_cycles"] == 400
    assert "spinup_kind" not in protocol


@pytest.mark.parametrize("variant", [46, 45])
def test_carbon_is_linear_when_litter_and_climate_are_given(solved, variant):
    _, spin, parameters, _ = solved
    start = century.simulate(
        spin, parameters, variant=variant, spinup="start", spinup_forcing=spin
    )
    phi, g = carbon_map(spin, parameters, initial_state=start, variant=variant)
    after = century.simulate(spin, parameters, initial_state=start, variant=variant)
    before, reached = start["final_state"].values[:9], after["final_state"].values[:9]
    np.testing.assert_allclose(phi @ before + g, reached, rtol=0, atol=1e-10)


def test_the_linear_equilibrium_is_the_coupled_one(periodic):
    _, spin, parameters, found = periodic
    phi, g = carbon_map(spin, parameters, initial_state=found)
    np.testing.assert_allclose(
        linear_equilibrium(phi, g), found["final_state"].values[:9], rtol=1e-8
    )


def test_most_of_the_prior_is_solved():
    spin = century.spinup_weather(alpine(years=10, cells=2, seed=5))
    found = century.equilibrium(spin, prior_samples(12))
    kinds = found["spinup_kind"].values
    assert kinds.shape == (12, 2)
    assert set(np.unique(kinds)) <= {"periodic", "mean", "none"}
    assert (kinds != "none").mean() > 0.8
    unsolved = np.isnan(found["final_state"].values).all(axis=-1)
    np.testing.assert_array_equal(unsolved, kinds == "none")


def test_a_state_that_was_not_found_is_no_number(monkeypatch):
    from landmodels.century.run import equilibrium as module
    from landmodels.spinup import Settings

    hopeless = Settings(cycles=1, groups=1, mean_stop=0.0)
    monkeypatch.setattr(module, "Settings", lambda **keywords: hopeless)
    forcing = alpine()
    result = century.simulate(forcing, outputs=["soc", "final_state"])
    assert str(result["spinup_kind"].values) == "none"
    assert np.isnan(result["soc"]).all()
    assert np.isnan(result["final_state"]).all()


def test_it_does_not_depend_on_the_other_lanes():
    spin = century.spinup_weather(alpine(years=10, cells=3, seed=5))
    together = century.equilibrium(spin, threads=2)
    for k in range(3):
        alone = century.equilibrium(spin.isel(cell=k))
        np.testing.assert_array_equal(
            alone["final_state"], together["final_state"].isel(cell=k)
        )


def test_spin_up_weather_has_no_trend_and_no_negative_rain():
    forcing = alpine(years=14)
    year = np.repeat(np.arange(14.0), 12)
    forcing["tmax"] = forcing["tmax"] + 0.5 * xr.DataArray(year, dims="time")
    spin = century.spinup_weather(forcing)
    assert spin.sizes["time"] == 120
    tmax = spin["tmax"].values.reshape(10, 12)
    slopes = np.polyfit(np.arange(10.0), tmax, 1)[0]
    np.testing.assert_allclose(slopes, 0.0, atol=1e-12)
    given = forcing["tmax"].values[:120].reshape(10, 12)
    np.testing.assert_allclose(tmax.mean(axis=0), given.mean(axis=0), rtol=1e-12)
    assert float(spin["prec"].min()) >= 0.0


def test_a_year_of_one_state_is_the_work_of_one_lane():
    """Else a Newton step with an old Jacobian costs as much as a new one."""
    from landmodels.century.run import equilibrium as module
    from landmodels.century.run.task import Stepper, make_task, make_weather

    clean = century.validate_forcing(century.spinup_weather(alpine()))
    prec = module.annual_precipitation(clean)
    task = make_task(clean, prec, None, 46, None, False)
    weather = make_weather(clean, False)
    many = Stepper(task.lane(0, 5), weather)
    start = Stepper(task, weather).start(1)
    before = many.start(1)
    once = many(start)
    assert once.shape == start.shape
    np.testing.assert_array_equal(many._rows[1:, : start.shape[1]], before[1:])
    np.testing.assert_array_equal(many(np.repeat(start, 3, axis=0))[2], once[0])
