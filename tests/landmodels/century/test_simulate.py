"""The public calls: batches, cells, restarts, windows, choices, and sick lanes."""

import numpy as np
import pytest
import xarray as xr

from landmodels import century

from .cases import alpine, assert_same, prior_samples

START = {"spinup": "start"}


@pytest.fixture(scope="module")
def forcing():
    return alpine(years=12)


def test_a_batch_is_its_samples(forcing):
    samples = prior_samples(4)
    batch = century.simulate_batch(forcing, samples, **START)
    for k in range(4):
        one = century.simulate(forcing, {n: v[k] for n, v in samples.items()}, **START)
        assert_same(one, batch.isel(sample=k))


def test_cells_and_threads_change_nothing():
    cells = alpine(years=12, cells=3)
    samples = prior_samples(5)
    one = century.simulate_batch(cells, samples, **START)
    many = century.simulate_batch(cells, samples, threads=3, **START)
    assert_same(one, many)
    assert dict(one["nep"].sizes) == {"sample": 5, "cell": 3, "time": 144}
    single = century.simulate_batch(cells.isel(cell=2), samples, **START)
    assert_same(single, one.isel(cell=2))


@pytest.mark.parametrize("parameters", [{}, {"prbmn_2": 0.3, "prbmx_2": 0.4, "frst": 6,
                                             "last": 5, "senm": 12}])  # fmt: skip
@pytest.mark.parametrize("variant", [46, 45])
def test_a_run_goes_on_exactly_from_its_state(forcing, parameters, variant):
    options = {"variant": variant}
    ten = forcing.isel(time=slice(0, 120))
    whole = century.simulate(
        forcing, parameters, **options, **START, spinup_forcing=ten
    )
    parts = [forcing.isel(time=slice(12 * a, 12 * b)) for a, b in ((0, 5), (5, 12))]
    first = century.simulate(
        parts[0], parameters, **options, **START, following=parts[1],
        spinup_forcing=ten,
    )  # fmt: skip
    # The year after the whole run is its first year.
    after = parts[0].isel(time=slice(0, 12))
    later = after["time"].values.astype("datetime64[M]") + 144
    after = after.assign_coords(time=later.astype("datetime64[ns]"))
    second = century.simulate(
        parts[1], parameters, **options, initial_state=first, following=after
    )
    joined = xr.concat([first["nep"], second["nep"]], "time")
    np.testing.assert_array_equal(joined, whole["nep"])
    np.testing.assert_array_equal(second["final_state"], whole["final_state"])


def test_a_state_of_the_other_variant_is_refused(forcing):
    state = century.simulate(forcing, variant=45, **START)
    with pytest.raises(century.InputError, match="variant 45"):
        century.simulate(forcing, initial_state=state)


def test_windows_hold_means(forcing):
    window = np.repeat(np.arange(-1, 11), 12)
    means = century.simulate(forcing, window=window, outputs=["nep", "soc"], **START)
    months = century.simulate(forcing, outputs=["nep", "soc"], **START)
    expected = months["nep"].values.reshape(12, 12).mean(axis=1)[1:]
    np.testing.assert_allclose(means["nep"], expected, rtol=1e-13)
    assert means["soc"].dims == ("window",)


def test_the_slope_with_sand_of_surface_co2_acts_only_when_asked_for(forcing):
    low, high = {"p1co2b_1": 0.0}, {"p1co2b_1": 0.2}
    assert_same(
        century.simulate(forcing, low), century.simulate(forcing, high),
        ["nep", "soc", "final_state"],
    )  # fmt: skip
    on = [
        century.simulate(forcing, p, surface_texture_co2=True, **START)["rh"].sum()
        for p in (low, high)
    ]
    assert float(on[0]) != float(on[1])


def test_every_other_calibrated_parameter_acts():
    forcing = alpine(years=12, cells=6, seed=11)
    table = century.parameter_table().query("calibrated == 'yes'")
    base = century.simulate_batch(forcing, {}, outputs=["nep"], spinup="run",
                                  spinup_cycles=2)  # fmt: skip
    inert = []
    for name, row in table.iterrows():
        value = row["min"] if row["default"] != row["min"] else row["max"]
        changed = century.simulate(forcing, {name: value}, outputs=["nep"],
                                   spinup="run", spinup_cycles=2)  # fmt: skip
        if np.array_equal(changed["nep"], base["nep"]):
            inert.append(name)
    assert inert == ["p1co2b_1"]


def test_co2_acts_when_asked_for_and_is_said(forcing):
    forcing = forcing.assign(co2=("time", np.full(144, 700.0), {"units": "ppm"}))
    off = century.simulate(forcing, **START)
    on = century.simulate(forcing, co2_effect=True, **START)
    at350 = century.simulate(
        forcing.assign(co2=forcing["co2"] * 0 + 350.0), co2_effect=True, **START
    )
    assert float(on["npp"].sum()) > float(off["npp"].sum())
    assert_same(off, at350, ["npp", "rh"])
    assert (off.attrs["co2_effect"], on.attrs["co2_effect"]) == ("off", "on")


def test_soil_carbon_says_its_depth_factor(forcing):
    plain = century.simulate(forcing, **START)
    deep = century.simulate(forcing, depth_factor=1.3, **START)
    np.testing.assert_array_equal(plain["soc"], plain["somsc"])
    np.testing.assert_allclose(deep["soc"], 1.3 * plain["soc"], rtol=1e-14)
    assert deep.attrs["depth_factor"] == deep["soc"].attrs["depth_factor"] == 1.3
    pools = plain["som1c2"] + plain["som2c2"] + plain["som3c"]
    np.testing.assert_allclose(plain["soc"], pools, rtol=1e-14)


def test_classes_take_their_own_defaults():
    cells = alpine(years=12, cells=2)
    cells["ecosystem"] = ("cell", ["meadow", "steppe"])
    both = century.simulate(cells, **START)
    for k, name in enumerate(("meadow", "steppe")):
        alone = cells.isel(cell=k).drop_vars("ecosystem")
        assert_same(century.simulate(alone, ecosystem=name, **START),
                    both.isel(cell=k), ["nep"])  # fmt: skip
    values = century.parameters_by_class(
        cells["ecosystem"], {"steppe": {"prdx_1": 0.7}}
    )
    changed = century.simulate(cells, values, **START)
    np.testing.assert_array_equal(changed["npp"][0], both["npp"][0])
    assert float(changed["npp"][1].sum()) > float(both["npp"][1].sum())


def test_a_sick_lane_is_no_number_and_alone(forcing):
    state = century.simulate_batch(forcing, {"rdr": [0.2, 0.2]}, **START)
    bad = state["final_state"].copy()
    bad[0, 3] = np.nan
    later = century.simulate_batch(forcing, {"rdr": [0.2, 0.2]}, initial_state=bad)
    well = century.simulate(forcing, {"rdr": 0.2}, initial_state=bad.isel(sample=1))
    assert np.isnan(later["nep"][0]).all()
    np.testing.assert_array_equal(later["nep"][1], well["nep"])


def test_snow_lies_in_winter_and_nothing_grows_out_of_season(forcing):
    # More snow falls than can evaporate, and it thaws by summer.
    snowy = forcing.assign(
        tmin=forcing["tmin"] - 4.0,
        tmax=forcing["tmax"] - 4.0,
        prec=forcing["prec"].copy(data=3.0 * forcing["prec"].to_numpy()),
    )
    result = century.simulate(snowy, **START)
    by_month = result["snow"].groupby("time.month").mean()
    assert float(by_month.sel(month=2)) > float(by_month.sel(month=8)) == 0.0
    out = result["time"].dt.month.isin([1, 2, 3, 11, 12])
    assert float(result["npp"].where(out, 0.0).max()) == 0.0


def test_warm_up_compiles():
    century.warm_up()


def test_cells_may_share_weather_or_soil():
    cells = alpine(years=12, cells=3)
    one_weather = cells.assign(
        {n: cells[n].isel(cell=0) for n in ("tmin", "tmax", "prec", "lat")}
    )
    one_soil = cells.assign(
        {n: cells[n].isel(cell=0) for n in ("sand", "silt", "clay", "ph")}
    )
    for mixed in (one_weather, one_soil):
        result = century.simulate(mixed, **START)
        for k in range(3):
            full = cells.isel(cell=k).assign(
                {n: v if "cell" not in v.dims else v.isel(cell=k)
                 for n, v in mixed.data_vars.items()}
            )  # fmt: skip
            assert_same(century.simulate(full, **START), result.isel(cell=k), ["nep"])


def test_parameters_may_run_over_samples_and_cells():
    cells = alpine(years=12, cells=2)
    rdr = xr.DataArray([[0.1, 0.2], [0.15, 0.25], [0.2, 0.1]], dims=("sample", "cell"))
    batch = century.simulate_batch(cells, {"rdr": rdr.transpose()}, **START)
    assert dict(batch["rh"].sizes) == {"sample": 3, "cell": 2, "time": 144}
    one = century.simulate(cells.isel(cell=1), {"rdr": 0.25}, **START)
    assert_same(one, batch.isel(sample=1, cell=1), ["rh", "final_state"])


@pytest.mark.parametrize("spinup", ["equilibrium", "run", "start"])
def test_a_simulator_gives_the_same_bits_call_after_call(spinup):
    cells = alpine(years=12, cells=3)
    options = {
        "spinup": spinup, "spinup_cycles": 2, "depth_factor": 1.3,
        "outputs": ["nep", "soc", "et"],
    }  # fmt: skip
    simulator = century.Simulator(cells, **options)
    for seed in (3, 5):
        samples = {n: v[:seed] for n, v in prior_samples(6).items()}
        batch = century.simulate_batch(cells, samples, **options)
        found = simulator(samples)
        assert list(found) == ["nep", "soc", "et"]
        for name, values in found.items():
            assert values.shape == (seed, 3, 144)
            np.testing.assert_array_equal(values, batch[name])


def test_a_simulator_refuses_a_vector_and_goes_on():
    simulator = century.Simulator(alpine(years=12), outputs=["nep"], **START)
    before = simulator({"prdx_1": 0.6})["nep"]
    with pytest.raises(century.InputError, match=r"PPDF\(2\) above PPDF\(1\)"):
        simulator({"ppdf_1": 25.0, "ppdf_2": 25.0})
    np.testing.assert_array_equal(simulator({"prdx_1": 0.6})["nep"], before)


def test_a_simulator_takes_a_state_where_it_continues_one_and_only_then():
    forcing = century.plateau_forcing().isel(cell=[0])
    state = century.simulate_batch(forcing)["final_state"]
    with pytest.raises(century.InputError, match="found   a state"):
        century.Simulator(forcing).run(None, state)
    with pytest.raises(century.InputError, match="found   none"):
        century.Simulator(forcing, continues=True).run(None)
