"""A site's files are opened before anything runs, and a bad one is named.

The tables are small and made here; the process model is the linear one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.run.folder import RunFolder
from jobs.run.run import open_run

pytestmark = pytest.mark.usefixtures("small_process_model")

SITE = """\
name: a small site
seed: 3
pixels:
  source: site
  name: somewhere
  latitude: 42.5
  longitude: -72.2
  elevation: 340
  sand: 66
  clay: 6
  tower: tower.csv
  modis_lai: lai.csv
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {}, lai: {variance: {fraction: 0.2, floor: 0.3}}}
calibration:
  method: published
  options: {n_iterations: 4, n_draws: 4000, n_steps: 1000, n_initial_per_parameter: 15}
  blocks:
    - {streams: [gpp], parameters: [vmax]}
    - {streams: [lai], parameters: [p18]}
"""


@pytest.fixture
def site(tmp_path):
    """A run folder with a tower table and an LAI table that the model can fit."""
    rng = np.random.default_rng(5)
    day = pd.date_range("2001-01-01", "2003-12-31")
    season = 10 - 14 * np.cos(2 * np.pi * day.day_of_year / 365)
    tmax = season + rng.normal(0, 2, day.size)
    warm = np.clip(tmax / 25, 0, None)
    tower = pd.DataFrame(
        {
            "date": day.strftime("%Y-%m-%d"),
            "tmin": (tmax - 9).round(2),
            "tmax": tmax.round(2),
            "srad": (12 - 8 * np.cos(2 * np.pi * (day.day_of_year + 10) / 365)).round(
                2
            ),
            "co2": 375.0,
            "vpd": np.clip(season / 4, 0.3, None).round(2),
            "prec": np.where(rng.random(day.size) < 0.3, 5.0, 0.0),
            "pressure": 97.5,
            "gpp": (10 * warm + rng.normal(0, 0.3, day.size)).round(3),
            "gpp_sd": 0.3,
        }
    )
    lai = pd.DataFrame({"date": tower["date"][::4], "lai": (4 * warm).round(2)[::4]})
    path = tmp_path / "run"
    path.mkdir()
    tower.to_csv(path / "tower.csv", index=False)
    lai.to_csv(path / "lai.csv", index=False)
    (path / "config.yaml").write_text(SITE)
    return path


def spoil(path, table, row, column, value):
    frame = pd.read_csv(path / table)
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    frame.to_csv(path / table, index=False)


def test_a_site_is_calibrated_block_by_block_and_scored(site, masm_command):
    done = masm_command("run", site)
    assert done.exit_code == 0, done.output
    result = masm.open_result(RunFolder(site).pixel(0).posterior)
    assert result.mean["vmax"] == pytest.approx(5e-5, rel=0.1)
    assert result.mean["p18"] == pytest.approx(75, rel=0.15)
    assert result.attrs["variance_gpp"] == "series"
    assert result.attrs["variance_lai"].startswith("relative")
    scores = pd.read_csv(site / "evaluation" / "scores_00000.csv")
    assert set(scores["period"]) == {"calibration", "validation"}
    assert "truth" not in done.output
    assert "synthetic" not in done.output


def test_a_score_is_that_of_the_8_day_means_that_were_fitted(site, masm_command):
    masm_command("run", site)
    table = pd.read_csv(site / "figures" / "fit_somewhere.csv")
    part = table[(table["stream"] == "gpp") & (table["period"] == "validation")]
    with xr.open_dataset(site / "simulations" / "calibrated" / "00000.nc") as saved:
        gpp = saved["gpp"].sel(time="2003").to_numpy()
    means = [gpp[k : k + 8].mean() for k in range(0, 365, 8)]
    np.testing.assert_allclose(part["calibrated"], means, rtol=1e-5)


def test_check_reports_what_the_files_hold(site, masm_command):
    reported = masm_command("check", site)
    assert reported.exit_code == 0, reported.output
    assert "calibration 2002: gpp has 46 of 46 8-day means" in reported.output
    assert "lai has 46 of 46" in reported.output


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "parts"),
    [
        ("tower.csv", 400, "tmin", 60.0, ["tmin", "2002-02-05"]),
        ("tower.csv", 500, "prec", -3.0, ["prec", "2002-05-16"]),
        ("tower.csv", slice(500, 520), "tmax", np.nan, ["tmax", "2002-05-16"]),
        ("tower.csv", slice(0, 2000), "gpp", np.nan, ["gpp", "no value"]),
        ("tower.csv", 10, "tmax", "warm", ["tmax", "warm"]),
    ],
)
def test_a_bad_value_is_named_and_nothing_runs(
    site, masm_command, table, row, column, value, parts
):
    spoil(site, table, row, column, value)
    before = sorted(site.rglob("*"))
    refused = masm_command("run", site)
    assert refused.exit_code == 2, refused.output
    for part in parts:
        assert part in refused.stderr
    assert sorted(site.rglob("*")) == before


def test_a_missing_column_and_a_missing_day_are_named(site, masm_command):
    tower = pd.read_csv(site / "tower.csv")
    tower.drop(columns="vpd").to_csv(site / "tower.csv", index=False)
    assert "vpd" in masm_command("check", site).stderr
    tower.drop(index=range(600, 640)).to_csv(site / "tower.csv", index=False)
    refused = masm_command("check", site)
    assert refused.exit_code == 2
    assert "2002-08" in refused.stderr


def test_a_missing_file_is_named_with_its_key(site, masm_command):
    (site / "lai.csv").unlink()
    refused = masm_command("run", site)
    assert refused.exit_code == 2
    assert "pixels.modis_lai" in refused.stderr


def test_an_input_may_not_change_during_a_run(site, masm_command):
    assert masm_command("calibrate", site).exit_code == 0
    spoil(site, "lai.csv", 3, "lai", 1.11)
    refused = masm_command("calibrate", site, "--resume")
    assert refused.exit_code == 2
    assert "pixels.modis_lai" in refused.stderr
    assert "changed since the run began" in refused.stderr


def test_a_constant_series_has_no_variance_of_its_own(site, masm_command):
    tower = pd.read_csv(site / "tower.csv")
    tower.assign(gpp=2.0).to_csv(site / "tower.csv", index=False)
    refused = masm_command("run", site)
    assert refused.exit_code == 2
    assert "variance is 0" in refused.stderr


def test_inputs_are_found_beside_the_configuration(site, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run = open_run(site)
    assert run.inputs["pixels.tower"] == site / "tower.csv"
