"""``masm run`` on a region, with the linear model: every stage, then questions."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import linear_region
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from joblib.externals.loky import get_reusable_executor
from linear_model import iterate_pixels
from linear_region import (
    BARE,
    GRID,
    NO_WEATHER,
    linear_models,
    make_run,
    truth,
)
from typer.testing import CliRunner

import ibis_dalec
from jobs.cli.app import app
from jobs.config.priors import prior_bounds
from jobs.errors import ConfigError
from jobs.run.run import open_run
from jobs.stages.flux_sites import _product, read_tower_file, score_sites
from jobs.stages.region_evaluate import simulated_sets
from jobs.stages.region_store import Store, open_group, window_bounds
from jobs.stages.region_totals import next_draw
from masm.results.scores import scores

US_HA1 = "AMF_US-Ha1_FLUXNET_SUBSET_MM_2002-2003.csv"


def masm(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A region run from end to end: its folder and what was shown."""
    folder = tmp_path_factory.mktemp("chain")
    with linear_models():
        path = make_run(folder, sample="{screening: 0.02, calibration: 0.35}", draws=4)
        done = masm("run", path)
        assert done.exit_code in (0, 3), done.output + str(done.exception)
        yield path, done.output


def test_every_pixel_of_the_mask_with_weather_is_mapped_and_run(chain):
    path, _ = chain
    wanted = np.delete(GRID.cells.ids, [NO_WEATHER, BARE])
    with xr.open_dataset(path / "upscaling" / "parameters.nc") as maps:
        np.testing.assert_array_equal(np.sort(maps["pixel"]), wanted)
    run = open_run(path)
    for name in ("default", "upscaled", "ensemble"):
        group = open_group(run, name, "annual").load()
        np.testing.assert_array_equal(group["pixel"], wanted)
        assert np.isfinite(group["gpp"]).all()


def test_maps_come_near_the_truth_and_the_region_run_with_them_too(chain):
    path, _ = chain
    true, _ = truth()
    with xr.open_dataset(path / "upscaling" / "parameters.nc") as opened:
        maps = opened.load()
    rows = np.searchsorted(GRID.cells.ids, maps["pixel"])
    for name, values in true.items():
        mapped = maps["mean"].sel(parameter=name).to_numpy()
        error = mapped - values[rows]
        assert np.var(error) < 0.5 * np.var(values[rows])
    summary = pd.read_csv(path / "evaluation" / "region_summary.csv")
    chosen = summary.set_index(["stream", "period", "parameters"])
    for stream in ("gpp", "lai"):
        diso = chosen.sort_index().loc[(stream, "validation"), "diso_mean"]
        assert diso["calibrated"] < diso["upscaled"] < diso["default"]


def test_a_notebook_opens_the_maps_on_their_grid(chain):
    import masm as package

    path, _ = chain
    run = package.open_run(path)
    maps = run.maps
    ids = np.delete(GRID.cells.ids, [NO_WEATHER, BARE])
    assert int(maps["mean"].sel(parameter="vmax").notnull().sum()) == ids.size
    one = GRID.cells.ids == ids[5]
    with xr.open_dataset(path / "upscaling" / "parameters.nc") as found:
        wanted = float(found["mean"].sel(parameter="vmax", pixel=ids[5]))
    place = {"lat": GRID.cells.lat[one][0], "lon": GRID.cells.lon[one][0]}
    here = maps["mean"].sel(parameter="vmax").sel(place, method="nearest")
    assert float(here) == wanted
    assert str(maps["unit"].sel(parameter="vmax").item()).startswith("mol")
    assert run.screening["mu_star"].dims[-1] == "parameter"
    assert run.posteriors.sizes["pixel"] == (run.pixels["state"] != "failed").sum()


def test_draws_keep_to_the_prior_to_the_last_bit(chain):
    path, _ = chain
    bounds = prior_bounds(open_run(path).config)
    with xr.open_dataset(path / "upscaling" / "draws.nc") as opened:
        drawn = opened["draw_value"].load()
    for name, (low, high) in bounds.items():
        values = drawn.sel(parameter=name).to_numpy().astype(float)
        assert low <= values.min()
        assert values.max() <= high


def test_means_of_the_store_are_those_of_the_model(chain):
    path, _ = chain
    run = open_run(path)
    stored = {g: open_group(run, "default", g).load() for g in ("8day", "monthly")}
    pixel = int(stored["8day"]["pixel"][5])
    from jobs.run.region_sample import open_region

    forcing = open_region(run.cube).forcing([pixel])
    defaults = xr.Dataset({"vmax": ("pixel", [3e-5]), "p18": ("pixel", [60.0])})
    (made,) = iterate_pixels(forcing, defaults, outputs=["gpp"])
    daily = made["gpp"].isel(pixel=0)
    for group, first, last in (
        ("8day", "2002-12-27", "2002-12-31"),  # the short last window of a year
        ("8day", "2003-01-01", "2003-01-08"),
        ("monthly", "2003-02-01", "2003-02-28"),
    ):
        found = stored[group]["gpp"].sel(pixel=pixel, time=first)
        wanted = daily.sel(time=slice(first, last)).mean()
        assert float(found) == pytest.approx(float(wanted), rel=1e-5)


def test_totals_add_up_area_forest_and_days(chain):
    path, _ = chain
    run = open_run(path)
    totals = pd.read_csv(path / "evaluation" / "totals.csv")
    annual = open_group(run, "default", "annual").load()
    gpp = annual["gpp"].sel(time="2003").isel(time=0)
    wanted = float((gpp * annual["area"] * 0.8).sum()) * 365 / 1e15
    row = totals.query("flux == 'gpp' and parameters == 'default' and year == '2003'")
    assert float(row["total"].iloc[0]) == pytest.approx(wanted, rel=1e-4)
    ensemble = totals[totals["parameters"] == "ensemble"]
    assert (ensemble["low"] < ensemble["total"]).all()
    assert (ensemble["total"] < ensemble["high"]).all()


def test_everything_that_was_promised_is_there(chain):
    path, shown = chain
    for name in (
        "screening/morris.nc", "screening/selection.csv", "figures/screening.png",
        "upscaling/skill.csv", "upscaling/validation.csv", "upscaling/covariates.nc",
        "upscaling/draws.nc", "upscaling/model/upscaler.json",
        "evaluation/region_scores.csv", "evaluation/totals.csv",
        "figures/region_diso.png", "figures/region_totals.png",
        "maps/vmax.tif", "maps/p18.tif", "maps/status.tif", "maps/collection.json",
        "maps/samples.parquet", "maps/fluxes_upscaled_annual.nc",
    ):  # fmt: skip
        assert (path / name).exists(), name
    for words in ("R2", "DISO", "skill.csv"):
        assert words in shown
    # A region of 34 pixels: totals are in the unit that fits them, not 1e-4 Pg.
    assert re.search(r"\d +[TGM]g yr-1", shown)


def test_flux_maps_lie_where_their_pixels_are(chain):
    path, _ = chain
    run = open_run(path)
    with xr.open_dataset(path / "maps" / "fluxes_upscaled_monthly.nc") as opened:
        maps = opened.load()
    stored = open_group(run, "upscaled", "monthly").load()
    for row in (0, 40, 97):
        one = stored.isel(pixel=row)
        found = maps["gpp"].sel(lat=one["lat"], lon=one["lon"], method="nearest")
        np.testing.assert_array_equal(found, one["gpp"])
    assert int(np.isfinite(maps["gpp"].isel(time=0)).sum()) == 98
    assert maps["gpp"].attrs["units"] == "g m-2 d-1"
    assert maps["time"].attrs["bounds"] == "time_bounds"
    np.testing.assert_allclose(np.diff(maps["lat_bounds"], axis=1), 0.05)


def test_flux_maps_pass_the_cf_checker(chain):
    path, _ = chain
    checker = shutil.which("compliance-checker", path=str(Path(sys.executable).parent))
    if checker is None:
        pytest.skip("compliance-checker is not installed: it comes with masm[test]")
    file = path / "maps" / "fluxes_upscaled_annual.nc"
    words = [checker, "--test", "cf:1.11", "--criteria", "lenient", str(file)]
    # The checker's script imports a module that lies beside it.
    plain = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    reported = subprocess.run(
        words, capture_output=True, text=True, check=False, env=plain
    )
    assert reported.returncode == 0, reported.stdout


def test_a_second_run_does_nothing_twice(chain):
    path, _ = chain
    kept = [
        next((path / "screening" / "pixels").glob("*/*.nc")),
        path / "upscaling" / "parameters.nc",
        path / "simulations" / "region" / "upscaled.json",
        *sorted((path / "simulations" / "region" / "ensemble.done").iterdir()),
    ]
    before = [file.stat().st_mtime_ns for file in kept]

    def refuse(*arguments, **options):
        raise AssertionError("the model ran again")

    with pytest.MonkeyPatch.context() as inner:
        for name in ("simulate_batch", "simulate", "iterate_pixels"):
            inner.setattr(ibis_dalec, name, refuse)
        done = masm("run", path)
        assert done.exit_code in (0, 3), done.output
    assert [file.stat().st_mtime_ns for file in kept] == before


def test_a_block_that_was_broken_off_is_done_again_to_the_same_numbers(chain):
    path, _ = chain
    run = open_run(path)
    before = open_group(run, "upscaled", "annual").load()
    mark = path / "simulations" / "region" / "upscaled.done" / "00000"
    mark.unlink()
    assert simulated_sets(run) == ["default", "calibrated"]
    assert masm("simulate", path, "--parameters", "upscaled").exit_code == 0
    assert mark.exists()
    xr.testing.assert_identical(open_group(run, "upscaled", "annual").load(), before)


def test_worker_processes_write_the_same_numbers(chain, monkeypatch):
    path, _ = chain
    monkeypatch.setenv("PYTHONPATH", str(Path(linear_region.__file__).parent))
    get_reusable_executor().shutdown(wait=True, kill_workers=True)
    run = open_run(path)
    before = open_group(run, "ensemble", "annual").load()
    for mark in (path / "simulations" / "region" / "ensemble.done").iterdir():
        mark.unlink()
    words = ("simulate", path, "--parameters", "ensemble", "--executor", "local")
    done = masm(*words)
    assert done.exit_code == 0, done.output
    xr.testing.assert_identical(open_group(run, "ensemble", "annual").load(), before)


def test_other_settings_of_the_upscaling_make_other_maps_and_runs(chain):
    path, _ = chain
    run = open_run(path)
    before = open_group(run, "ensemble", "annual").sizes["draw"]
    text = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(text.replace("draws: 4", "draws: 5"))
    assert masm("upscale", path).exit_code == 0
    assert masm("simulate", path, "--parameters", "ensemble").exit_code == 0
    run = open_run(path)
    assert open_group(run, "ensemble", "annual").sizes["draw"] == before + 1


def test_towers_are_scored_before_and_after_with_the_product_beside(chain, tmp_path):
    path, _ = chain
    run = open_run(path)
    from jobs.run.region_sample import open_region

    pixel = int(open_group(run, "upscaled", "8day")["pixel"][30])
    row = int(np.searchsorted(GRID.cells.ids, pixel))
    lat, lon = float(GRID.cells.lat[row]), float(GRID.cells.lon[row])
    forcing = open_region(run.cube).forcing([pixel])
    true, _ = truth()
    values = xr.Dataset({k: ("pixel", v[[row]]) for k, v in true.items()})
    (made,) = iterate_pixels(forcing, values, outputs=["gpp", "er", "nee"])
    table = made.isel(pixel=0).to_dataframe().reset_index()
    table = table.rename(columns={"time": "date"})[["date", "gpp", "er", "nee"]]
    table = table.assign(tmin=5.0, tmax=15.0, prec=0.0)
    table.to_csv(tmp_path / "here.csv", index=False)
    sites = f"site,latitude,longitude,file\nXX-One,{lat},{lon},here.csv\n"
    sites += "XX-Far,10.0,10.0,here.csv\n"
    (tmp_path / "sites.csv").write_text(sites)
    score_sites(run, tmp_path, ["default", "upscaled"])
    found = pd.read_csv(path / "evaluation" / "flux_sites.csv")
    assert set(found["site"]) == {"XX-One"}
    assert set(found["season"]) == {"all", "growing", "non-growing"}
    assert set(found["year"]) == {"all", "2002", "2003"}
    one = found.query("season == 'all' and year == 'all'").set_index(
        ["flux", "compared"]
    )
    assert one.loc[("gpp", "model/tower"), "improved_upscaled"] > 0.3
    # The product is the truth with small errors.
    assert one.loc[("gpp", "product/tower"), "diso_default"] < 0.1


def test_a_published_monthly_file_is_scored_with_the_product_s_own_diso(
    chain, tmp_path
):
    """Two years of US-Ha1 (FLUXNET2015, CC-BY-4.0), named as AmeriFlux names them."""
    path, _ = chain
    run = open_run(path)
    pixel = int(open_group(run, "upscaled", "8day")["pixel"][30])
    row = int(np.searchsorted(GRID.cells.ids, pixel))
    lat, lon = float(GRID.cells.lat[row]), float(GRID.cells.lon[row])
    shutil.copy(Path(__file__).parent / US_HA1, tmp_path)
    sites = f"site,latitude,longitude,file\nUS-Ha1,{lat},{lon},{US_HA1}\n"
    (tmp_path / "sites.csv").write_text(sites)
    table = score_sites(run, tmp_path, ["default", "upscaled"])
    assert (table["step"] == "monthly").all()
    keys = ["compared", "flux", "season", "year"]
    found = table.set_index(keys).sort_index()
    assert found.loc[("model/tower", "nee", "growing", "all"), "n"] == 10
    assert found.loc[("product/tower", "gpp", "all", "2003"), "n"] >= 10
    # The score is that of the months' means, by hand.
    text = pd.read_csv(tmp_path / US_HA1)
    tower = text["GPP_NT_VUT_REF"].where(text["NEE_VUT_REF_QC"] >= 0.5).to_numpy()
    monthly = open_group(run, "default", "monthly")["gpp"].sel(pixel=pixel).load()
    wanted = scores(monthly.to_numpy().astype(float), tower)["diso"]
    one = found.loc[("model/tower", "gpp", "all", "all")]
    assert one["diso_default"] == pytest.approx(wanted, rel=1e-6)


def test_months_of_the_product_are_means_of_their_days(chain):
    """8-day means of a line have, by month, the line's mean, but for the edges."""
    path, _ = chain
    run = open_run(path)
    opened = open_group(run, "upscaled", "monthly")
    pixel, time = int(opened["pixel"][30]), opened["time"].to_numpy()
    months = _product(run, pixel, time, "month")
    eighths = open_group(run, "upscaled", "8day")["time"].to_numpy()
    windows = _product(run, pixel, eighths, "8-day")
    july = (eighths >= np.datetime64("2003-07-01")) & (
        eighths < np.datetime64("2003-08-01")
    )
    at = int(np.searchsorted(time, np.datetime64("2003-07-01")))
    # 2003-06-26 + 8 k: four windows begin in July, and its first three days before.
    first = windows[np.flatnonzero(july)[0] - 1]
    lengths = np.minimum(8, (np.datetime64("2003-08-01") - eighths[july]).astype(
        "timedelta64[D]").astype(int))  # fmt: skip
    wanted = (3 * first + (windows[july] * lengths).sum()) / 31
    assert months[at] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("file", ["towers/US-Ha1_daily.csv", "fluxnet2015_monthly/"
    "FLX_US-UMB_FLUXNET2015_SUBSET_MM_2000-2014_1-4.csv"])  # fmt: skip
def test_shared_tower_files_read(file):
    path = Path(__file__).parents[3].parent / "shared" / "data" / file
    if not path.exists():
        pytest.skip(f"no {path.name} among the shared data")
    observed = read_tower_file(path)
    for name in ("gpp", "er", "nee"):
        assert observed[name].attrs["units"] == "g m-2 d-1"
        assert int(observed[name].notnull().sum()) > 100


def test_towers_without_a_list_are_refused(chain, tmp_path):
    path, _ = chain
    with pytest.raises(ConfigError, match=r"sites\.csv"):
        score_sites(open_run(path), tmp_path, ["default", "upscaled"])


def test_commands_of_a_region_refuse_a_single_site(masm_command, run_path):
    for command in ("upscale", "export"):
        refused = masm_command(command, run_path)
        assert refused.exit_code == 2
        assert "pixels.source" in refused.stderr


def test_units_of_a_store_cover_every_draw_and_pixel_once(tmp_path):
    store = Store(tmp_path / "a.zarr", n_pixels=600, n_draws=3)
    hits = np.zeros((3, 600), int)
    for number in store.left:
        draw, pixels = store.where(number)
        hits[draw, pixels] += 1
    assert (hits == 1).all()
    store.mark(2).parent.mkdir()
    store.mark(2).touch()
    assert 2 not in store.left


def test_windows_begin_anew_each_year():
    days = np.arange(np.datetime64("2003-01-01"), np.datetime64("2005-01-01"))
    starts, bounds = window_bounds(days, "8-day")
    lengths = np.diff(bounds, axis=1)[:, 0]
    assert starts.size == 92
    assert lengths.sum() == 365 + 366
    assert lengths[45] == 5
    assert lengths[91] == 6


def test_interval_of_few_draws_holds_the_next_one_nine_times_in_ten():
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((6, 20_000))
    low, high = next_draw(draws[:5])
    inside = np.mean((low < draws[5]) & (draws[5] < high))
    assert inside == pytest.approx(0.9, abs=0.01)


def test_status_of_the_stores_is_readable(chain):
    path, _ = chain
    plan = json.loads((path / "simulations/region/default.json").read_text())
    assert plan["years"] == "2002-2003"


@pytest.mark.parametrize("fault", ["old format", "gone"])
def test_a_report_needs_no_cube_and_says_what_is_left_out(chain, tmp_path, fault):
    path, _ = chain
    cube, run = path.parent / "cube.zarr", tmp_path / "run"
    shutil.copytree(path, run)
    if fault == "old format":
        shutil.copytree(cube, tmp_path / "cube.zarr")
        file = tmp_path / "cube.zarr" / "zarr.json"
        facts = json.loads(file.read_text())
        facts["attributes"]["region_cube_format"] = 1
        file.write_text(json.dumps(facts))
    shutil.rmtree(run / "posteriors.zarr")  # which its collection makes anew
    done = masm("report", run)
    assert done.exit_code == 0, done.output + str(done.exception)
    page = (run / "report.html").read_text()
    assert "The region cube cannot be read" in page
    assert "masm region " in page  # synthetic or build
    assert "simulate</strong> not known" in page
    assert "This run is not of real observations" not in page
    for part in ("Posterior densities", "Upscaled against calibrated", "Figure 7"):
        assert part in page
    with xr.open_zarr(run / "posteriors.zarr", chunks=None) as store:
        assert "could not be read" in store.attrs["comment"]
