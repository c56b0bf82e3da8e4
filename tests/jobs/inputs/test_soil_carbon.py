"""Inputs of a soil-carbon run: each fault is one clear error before anything runs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.cli.init import Template, initialise
from jobs.cli.soil_carbon import describe, open_soil_carbon
from jobs.errors import ConfigError
from landmodels.century import plateau_forcing
from landmodels.errors import InputError


@pytest.fixture
def run(tmp_path):
    initialise(tmp_path / "run", Template.PLATEAU)
    return tmp_path / "run"


def change(run, *pairs):
    path = run / "config.yaml"
    text = path.read_text()
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    path.write_text(text)


def own_domain(run, edit=lambda forcing: forcing):
    """Write the plateau as a user's own file, with one thing changed."""
    forcing = plateau_forcing()
    edit(forcing).to_netcdf(run / "domain.nc", engine="h5netcdf")
    change(run, ("source: plateau ", "source: netcdf\n  file: domain.nc "))


def refused(run, words, error=ConfigError):
    with pytest.raises(error, match=words) as caught:
        open_soil_carbon(run)
    assert not (run / "soil_carbon").exists()
    return str(caught.value)


def test_the_template_is_read_and_says_what_it_is(run):
    text = "\n".join(describe(run))
    for said in ("synthetic", "depth factor", "co2 effect", "calendar", "soil"):
        assert said in text
    opened = open_soil_carbon(run)
    observed = opened.inputs.observed
    assert int(observed.is_stock.sum()) == 570
    assert int((~observed.is_stock).sum()) == 487
    assert 0.5 < observed.fitted.mean() < 0.7
    assert opened.inputs.mapped.size == 600


def test_the_error_is_a_fraction_with_a_floor(run):
    observed = open_soil_carbon(run).inputs.observed
    flux = ~observed.is_stock
    wanted = np.maximum(0.3 * np.abs(observed.value[flux]), 5.0)
    np.testing.assert_allclose(observed.sd[flux], wanted)
    meadow = observed.is_stock & (observed.ecosystem == "meadow")
    np.testing.assert_allclose(observed.sd[meadow], 0.3 * observed.value[meadow].mean())
    change(run, ("floor: 0.1, of: mean", "floor: 1.0, of: value"))
    observed = open_soil_carbon(run).inputs.observed
    stock = observed.is_stock
    wanted = np.maximum(0.3 * observed.value[stock], 1.0)
    np.testing.assert_allclose(observed.sd[stock], wanted)


def test_a_split_by_site_keeps_places_whole(run):
    change(run, ("split: random", "split: site"))
    observed = open_soil_carbon(run).inputs.observed
    for name in np.unique(observed.place):
        assert len(np.unique(observed.fitted[observed.place == name])) == 1


@pytest.mark.parametrize("edit", [lambda f: f, lambda f: f.reset_coords("lon")])
def test_a_file_of_ones_own_is_the_same_domain(run, edit):
    before = open_soil_carbon(run).inputs
    own_domain(run, edit)
    after = open_soil_carbon(run).inputs
    np.testing.assert_array_equal(
        before.observed.targets.cell, after.observed.targets.cell
    )
    np.testing.assert_allclose(before.forcing["prec"], after.forcing["prec"])


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ("{ppdf_1: 25, ppdf_2: 25}", r"ppdf_1 and ppdf_2"),
        ("{pprpts_1: 0.75, pprpts_3: 0.7}", "water-capacity term"),
        ("{rdr: 0.9}", "rdr"),
    ],
)
def test_parameters_that_the_model_cannot_run_with(run, fixed, words):
    names = "[prdx_1, ppdf_1, ppdf_2, ppdf_3, dec5_2, teff_1, teff_2, teff_3]"
    change(run, (f"parameters: {names}", f"parameters: [prdx_1]\n  fixed: {fixed}"))
    refused(run, words, InputError)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda f: f.assign(sand=f["sand"] + 0.2), "sand, silt and clay"),
        (lambda f: f.assign(prec=(f["prec"] - 50.0).assign_attrs(f["prec"].attrs)),
         "prec"),
        (lambda f: f.isel(time=[*range(100), *range(101, 720)]), "missing month"),
        (lambda f: f.isel(time=slice(0, 715)), "whole calendar years"),
        (lambda f: f.drop_vars("ecosystem"), "ecosystem"),
        (lambda f: f.assign(ecosystem=("cell", ["forest"] * 600)), "ecosystem"),
        (lambda f: f.drop_vars("lon"), "lon"),
    ],
)  # fmt: skip
def test_weather_and_soil_that_cannot_be_used(run, edit, words):
    own_domain(run, edit)
    refused(run, words, InputError)


def test_a_class_that_no_cell_has(run):
    own_domain(run, lambda f: f.assign(ecosystem=("cell", ["steppe"] * 600)))
    assert "No cell" in refused(run, "model.ecosystems")


def table(run, text):
    (run / "soil_samples.csv").write_text(text)


STOCK = "place,lat,lon,top_cm,bottom_cm,soc_kg_m2\n"
HORIZONS = (
    "place,lat,lon,top_cm,bottom_cm,carbon_g_kg,bulk_density_g_cm3,"
    "rock_fragments_percent\n"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("place,lat,lon,soc_kg_m2\na,32.625,98.275,3\n", "without depth"),
        (STOCK + "a,32.625,98.275,,30,3\n", "top_cm"),
        (STOCK + "a,32.625,98.275,0,20,3\n", "0 to 30 cm"),
        (STOCK + "a,32.625,98.275,0,30,-3\n", "soc_kg_m2"),
        (STOCK + "a,32.625,98.275,0,30,-9999\n", "soc_kg_m2"),
        (STOCK + "a,12.0,98.275,0,30,3\n", "in no cell"),
        (STOCK + "a,32.625,98.275,0,30\n", "5 cells"),
        (STOCK, "rows"),
        (HORIZONS + "a,32.625,98.275,0,40,20,1.1,120\n", "rock_fragments_percent"),
        (HORIZONS + "a,32.625,98.275,0,20,20,1.1,5\n", "profile a"),
    ],
)
def test_stocks_that_cannot_be_used(run, text, words):
    table(run, text)
    refused(run, words)


def test_horizons_become_the_stock_of_the_depth(run):
    """Constant horizons: the closed form, with the rock taken off once."""
    rows = [
        f"{p},{lat},{lon},{top},{bottom},20,1.2,10\n"
        for p, lat, lon in (("a", 32.625, 98.275), ("b", 32.525, 97.025),
                            ("c", 32.625, 98.325), ("d", 32.525, 97.075),
                            ("e", 32.675, 98.275), ("f", 32.575, 97.025))
        for top, bottom in ((0, 20), (20, 50))
    ]  # fmt: skip
    table(run, HORIZONS + "".join(rows))
    change(run, ("fit_share: 0.6", "fit_share: 0.99"))
    observed = open_soil_carbon(run).inputs.observed
    stock = observed.value[observed.is_stock]
    np.testing.assert_allclose(stock, 20 * 1.2 * 30 * 0.9 / 100, rtol=1e-6)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("t,32.625,98.275,2003,13,1", "month"),
        ("t,32.625,98.275,1950,1,1", "year"),
        ("t,32.625,98.275,2003,1,nan", "nep_g_m2_month"),
        ("t,32.625,98.275,2003,1,-9999", "nep_g_m2_month"),
        ("t,32.625,98.275,2003,1,1\nt,32.625,98.275,2003,1,1", "once"),
    ],
)
def test_fluxes_that_cannot_be_used(run, row, words):
    head = "place,lat,lon,year,month,nep_g_m2_month\n"
    (run / "flux_months.csv").write_text(head + row + "\n")
    refused(run, words)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("method: emulator", "method: emulater", "calibration.method"),
        ("max_runs: 150", "max_run: 120", "max_run"),
        ("strategy: Opt2", "strategy: Opt3", "prediction.strategy"),
        ("Opt1: [soc]", "Opt1: []", "Opt2: "),
        ("period: 1980-1985", "period: 1940-1945", "soc.period"),
        ("prdx_1, ppdf_1", "prdx_9, ppdf_1", "model.parameters"),
        ("co2_effect: false", "co2_effect: true", "co2"),
        ("depth: 30 ", "dept: 30 ", "depth"),
        ("floor: 5}", "floor: 0}\n    # zero", ""),
    ],
)
def test_configurations_that_cannot_be_used(run, before, after, words):
    if words == "":
        text = (run / "flux_months.csv").read_text()
        lines = text.splitlines()
        lines[2] = "tower00,32.825,97.925,2003,1,0.0"
        (run / "flux_months.csv").write_text("\n".join(lines) + "\n")
    change(run, (before, after))
    refused(run, words or "error rule")


def test_another_command_says_what_kind_of_run_it_is(run):
    from jobs.run.run import open_run

    with pytest.raises(ConfigError, match="kind"):
        open_run(run)


def test_the_domain_of_the_package_says_that_it_is_synthetic(run):
    assert open_soil_carbon(run).statement["synthetic"].startswith("yes")
    own_domain(run, lambda f: f.drop_attrs(deep=False))
    assert open_soil_carbon(run).statement["synthetic"] == "no"
    assert isinstance(open_soil_carbon(run).inputs.forcing, xr.Dataset)


def made_anew(run, name, **columns):
    """Write columns of a table of the template anew."""
    path = run / name
    data = pd.read_csv(path, comment="#")
    for column, value in columns.items():
        data[column] = value(data[column]) if callable(value) else value
    data.to_csv(path, index=False)
    return data


def horizons(run, *, carbon=20.0, rock=10.0, middle=20, bottom=50):
    stocks = pd.read_csv(run / "soil_samples.csv", comment="#")
    rows = [
        f"{r.place},{r.lat},{r.lon},{a},{b},{carbon * (1 + k % 5 / 10):g},1.1,{rock}\n"
        for k, r in enumerate(stocks.itertuples())
        for a, b in ((0, middle), (middle, bottom))
    ]
    table(run, HORIZONS + "".join(rows))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: made_anew(run, "soil_samples.csv",
                               soc_kg_m2=lambda v: 10 * v), "Of t ha-1"),
        (lambda run: made_anew(run, "soil_samples.csv",
                               soc_kg_m2=lambda v: v.where(v.index % 20 > 0, 0.0)),
         "above 0"),
        (lambda run: made_anew(run, "flux_months.csv",
                               nep_g_m2_month=lambda v: v.where(v.index % 20 > 0,
                                                                -999.0)),
         "missing-value code"),
    ],
)  # fmt: skip
def test_units_and_codes_of_tables_are_refused(run, spoil, words):
    spoil(run)
    refused(run, words)


def test_rows_twice_and_a_place_of_two_coordinates_are_refused(run):
    text = (run / "soil_samples.csv").read_text()
    (run / "soil_samples.csv").write_text(text + text.splitlines()[-1] + "\n")
    assert "a row twice" in refused(run, "once")
    table(
        run, HORIZONS + "a,32.625,98.275,0,20,20,1.1,5\na,33.625,98.275,20,50,9,1,5\n"
    )
    assert "33.625" in refused(run, "one profile")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: made_anew(run, "soil_samples.csv",
                               soc_kg_m2=lambda v: 0.1 * v), "g cm-2"),
        (lambda run: horizons(run, carbon=2.0), "carbon in percent"),
        (lambda run: horizons(run, rock=0.25), "fractions of 1"),
        (lambda run: horizons(run, middle=200, bottom=500), "in mm"),
        (lambda run: made_anew(run, "flux_months.csv",
                               nep_g_m2_month=lambda v: -v), "is it NEE"),
        (lambda run: made_anew(run, "flux_months.csv",
                               nep_g_m2_month=lambda v: v / 30), "is the unit right"),
        (lambda run: own_domain(run, lambda f: f.assign(
            prec=(f["prec"] / 30).assign_attrs(f["prec"].attrs))), "a rate of the day"),
    ],
)  # fmt: skip
def test_what_is_unlikely_is_said_with_its_exit_code(run, spoil, words, masm_command):
    doubts = []
    list(describe(run, doubts))
    assert doubts == []
    spoil(run)
    checked = masm_command("check", run)
    assert checked.exit_code == 5
    assert words in " ".join(checked.output.split())


def test_good_horizons_and_a_domain_of_ones_own_raise_no_doubt(run):
    horizons(run)
    own_domain(run)
    doubts = []
    list(describe(run, doubts))
    assert doubts == []
