"""Fluxes of a run's own pixels against towers: made-up ones, and real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.run.run import open_run
from landdata import generate_weather, harvard_normals

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
TABLE = """\
name: two places
seed: 7
pixels:
  source: table
  table: places.csv
  forcing: "{id}_forcing.nc"
  observations: "{id}_observed.nc"
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams: {gpp: {variance: given}}
calibration:
  method: published
  options: {n_iterations: 6, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}
  blocks: [{streams: [gpp], parameters: [vmax]}]
"""
NEAR, FAR = (42.52, -72.18), (42.52, -73.0)  # 2.8 km and 66 km from the first place


@pytest.fixture
def two_places(tmp_path, masm_command, small_process_model, small_model):
    """A run of two places, observed by a product, calibrated and simulated."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(TABLE)
    (path / "places.csv").write_text(
        "id,name,latitude,longitude,elevation,sand,clay\n"
        "4,one,42.5,-72.2,300,60,10\n9,two,44.5,-72.2,300,60,10\n"
    )
    for pixel_id in (4, 9):
        rng = np.random.default_rng(pixel_id)
        weather = generate_weather(harvard_normals(), (2001, 2003), rng)
        weather.to_netcdf(path / f"{pixel_id}_forcing.nc", engine="h5netcdf")
        made = small_model(weather, {"vmax": [5e-5]}, outputs=["gpp"]).isel(sample=0)
        made = made.copy(deep=True)
        made["gpp"] += 0.2 * rng.standard_normal(made["gpp"].size)
        made["gpp_sd"] = made["gpp"].copy(data=np.full(made["gpp"].size, 0.2))
        made["gpp_sd"].attrs["units"] = "g m-2 d-1"
        made.to_netcdf(path / f"{pixel_id}_observed.nc", engine="h5netcdf")
    for command in ("calibrate", "simulate", "evaluate"):
        done = masm_command(command, path)
        assert done.exit_code == 0, done.output
    return path


def write_towers(folder: Path, rows: list[str]) -> Path:
    folder.mkdir()
    (folder / "sites.csv").write_text(
        "\n".join(["site,latitude,longitude,file", *rows])
    )
    return folder


def daily_file(path: Path, output: xr.Dataset) -> None:
    """Write fluxes as a plain daily tower file."""
    table = output[["gpp", "er", "nee"]].to_dataframe().reset_index()
    table = table.rename(columns={"time": "date"})[["date", "gpp", "er", "nee"]]
    table.assign(tmin=5.0, tmax=15.0, prec=0.0).to_csv(path, index=False)


def test_a_tower_that_saw_the_calibrated_fluxes_is_fitted_wholly(
    two_places, masm_command
):
    with xr.open_dataset(two_places / "simulations/calibrated/00004.nc") as opened:
        output = opened.load()
    towers = write_towers(
        two_places / "towers",
        [f"XX-One,{NEAR[0]},{NEAR[1]},one.csv", f"XX-Far,{FAR[0]},{FAR[1]},one.csv"],
    )
    daily_file(towers / "one.csv", output)
    done = masm_command("evaluate", two_places, "--flux-sites", towers)
    assert done.exit_code == 0, done.output
    assert "XX-One" in done.stdout
    found = pd.read_csv(two_places / "evaluation" / "flux_sites.csv")
    assert set(found["site"]) == {"XX-One"}
    assert set(found["pixel"]) == {4}
    assert set(found["year"]) == {"all", "2002", "2003"}  # not the spin-up year
    model = found[found["compared"] == "model/tower"]
    assert set(model["flux"]) == {"gpp", "er", "nee"}
    assert (model["diso_calibrated"] < 1e-4).all()  # single precision on disk
    assert (model["improved_calibrated"] > 0.99).all()
    # The product is the calibration's own target: as good as its noise lets it be.
    product = found[(found["compared"] == "product/tower") & (found["year"] == "all")]
    assert (product["diso_default"] < 0.1).all()
    assert (product["diso_default"] == product["diso_calibrated"]).all()


def test_the_towers_stand_in_the_report(two_places, masm_command):
    with xr.open_dataset(two_places / "simulations/calibrated/00009.nc") as opened:
        output = opened.load()
    towers = write_towers(two_places / "towers", ["XX-Two,44.5,-72.2,two.csv"])
    daily_file(towers / "two.csv", output)
    masm_command("evaluate", two_places, "--flux-sites", towers)
    assert masm_command("report", two_places).exit_code == 0
    page = (two_places / "report.html").read_text()
    assert 'id="sites"' in page
    assert "figures/fig10_sites.csv" in page
    assert "evaluation/flux_sites.csv" in page


@pytest.mark.skipif(
    not (SHARED / "towers" / "US-Ha1_daily.csv").is_file(),
    reason="the shared tower files of Harvard Forest are not beside the project",
)
def test_real_towers_are_scored_on_the_means_that_pandas_makes_of_their_files(
    run_path, masm_command, small_process_model, tmp_path
):
    daily = SHARED / "towers" / "US-Ha1_daily.csv"
    (monthly,) = (SHARED / "fluxnet2015_monthly").glob("FLX_US-Ha1_*.csv")
    place = "42.5378,-72.1715"  # 4.8 km from the run's place
    towers = write_towers(
        tmp_path / "towers", [f"daily,{place},{daily}", f"monthly,{place},{monthly}"]
    )
    for command in ("calibrate", "simulate"):
        assert masm_command(command, run_path).exit_code == 0
    done = masm_command("evaluate", run_path, "--flux-sites", towers)
    assert done.exit_code == 0, done.output
    found = pd.read_csv(run_path / "evaluation" / "flux_sites.csv")
    assert set(found["compared"]) == {"model/tower"}  # a twin has no product

    def expected(observed: pd.Series, model: pd.Series) -> tuple[float, int]:
        both = pd.concat([observed, model], axis=1, join="inner").dropna()
        o, m = both.iloc[:, 0], both.iloc[:, 1]
        r, mean = float(np.corrcoef(o, m)[0, 1]), float(o.mean())
        ae, rmse = float((m - o).mean()), float(((m - o) ** 2).mean() ** 0.5)
        diso = ((r - 1) ** 2 + (ae / mean) ** 2 + (rmse / mean) ** 2) ** 0.5
        return diso, len(both)

    with xr.open_dataset(run_path / "simulations/default/00000.nc") as opened:
        model = opened["er"].sel(time="2003").to_series()
    tower = pd.read_csv(monthly, na_values=[-9999])
    tower.index = pd.to_datetime(tower["TIMESTAMP"].astype(str), format="%Y%m")
    good = tower["RECO_NT_VUT_REF"].where(tower["NEE_VUT_REF_QC"] >= 0.5)
    diso, n = expected(good.loc["2003"], model.resample("MS").mean())
    row = found.query(
        "site == 'monthly' and season == 'all' and year == '2003' and flux == 'er'"
    ).iloc[0]
    assert row["n"] == n == 11
    assert row["diso_default"] == pytest.approx(diso, rel=1e-4)
    every_eighth = (model.index.day_of_year - 1) // 8
    tower = pd.read_csv(daily, index_col="date", parse_dates=True).loc["2003", "er"]
    eight = (tower.index.day_of_year - 1) // 8
    counted = tower.groupby(eight).agg(["mean", "count"])
    length = pd.Series(8, counted.index)
    length.iloc[-1] = 5  # the last window of a year
    counted.loc[counted["count"] < 0.5 * length, "mean"] = np.nan
    diso, n = expected(counted["mean"], model.groupby(every_eighth).mean())
    row = found.query(
        "site == 'daily' and season == 'all' and year == '2003' and flux == 'er'"
    ).iloc[0]
    assert row["n"] == n > 20
    assert row["diso_default"] == pytest.approx(diso, rel=1e-4)


def test_a_tower_list_that_is_missing_is_named(two_places, masm_command, tmp_path):
    refused = masm_command("evaluate", two_places, "--flux-sites", tmp_path)
    assert refused.exit_code == 2
    assert "sites.csv" in refused.stderr
    assert open_run(two_places).config.name == "two places"
