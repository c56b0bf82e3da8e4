"""Maps of a reanalysis: states of sites taken to a grid, with intervals and records."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import xarray as xr

from jobs.errors import ConfigError
from jobs.files import make_folder
from jobs.run.reanalysis_run import open_reanalysis
from jobs.stages.reanalysis.maps import pixels_of_sites, read_grid

N = 24
"""Cells of a side; every second one of every second row has a site."""
CONFIG = """\
name: sites on a slope
seed: 3
model: {name: sipnet}
reanalysis:
  years: 2001-2002
  members: 4
  outputs: [nee]
  parameters: {prior: {aMax: [14.0, 22.0]}}
  filter:
    name: letkf
    process_error: {above_ground_wood: 150, lai: 0.2, soil_carbon: 150}
  maps: {covariates: covariates.csv, years: 2002, candidates: 1}
"""


def slope(row):
    """Wood grows with the covariate, soil does not."""
    return 4000.0 + 300.0 * row


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run folder whose analyses are written here, with known states."""
    folder = tmp_path_factory.mktemp("maps") / "net"
    make_folder(folder)
    (folder / "config.yaml").write_text(CONFIG)
    rng = np.random.default_rng(0)
    rows, columns = (a.ravel() for a in np.meshgrid(range(N), range(N), indexing="ij"))
    latitude, longitude = 44.975 - 0.05 * rows, -79.975 + 0.05 * columns
    lines = ["pixel,latitude,longitude,height,noise"]
    lines += [
        f"{k},{latitude[k]:.3f},{longitude[k]:.3f},{rows[k]},{rng.normal():.3f}"
        for k in range(N * N)
    ]
    (folder / "covariates.csv").write_text("\n".join(lines) + "\n")
    sites = np.flatnonzero((rows % 2 == 0) & (columns % 2 == 0))
    run = open_reanalysis(folder)
    for dates in run.cycles:
        mean = np.stack(
            [slope(rows[sites]), np.full(sites.size, 3.0), np.full(sites.size, 9e3)], 1
        )
        mean = mean * (1.0 + 0.02 * rng.standard_normal(mean.shape))
        _write(run, dates, mean, latitude[sites], longitude[sites])
    return folder


def _write(run, dates, mean, latitude, longitude):
    n, q = mean.shape
    make_folder(run.cycle(dates.number))
    sd, by_site = np.broadcast_to(0.02 * mean.mean(0), mean.shape), ("site", "state")
    each = {name: (("member", *by_site), np.stack([mean] * 4)) for name in
            ("forecast", "increment")}  # fmt: skip
    whole = {name: (by_site, mean) for name in
             ("forecast_mean", "analysis_mean", "observation")}  # fmt: skip
    spread = {name: (by_site, sd) for name in
              ("forecast_sd", "analysis_sd", "observation_sd")}  # fmt: skip
    xr.Dataset(
        {
            **each, **whole, **spread,
            "weight": (("site", "member"), np.full((n, 4), 0.25)),
            "effective_members": ("site", np.full(n, 4.0)),
            "carbon_added": (("site", "member"), np.zeros((n, 4))),
            "process_covariance": (("state", "state_2"), np.eye(q)),
            "process_from": ("state", ["given"] * q),
            "state_factor": (("state", "state_2"), np.eye(q)),
        },
        coords={
            "site": [f"s{k}" for k in range(n)], "latitude": ("site", latitude + 0.01),
            "longitude": ("site", longitude - 0.01), "state": run.states,
            "state_2": run.states,
        },
    ).to_netcdf(run.analysis(dates.number), engine="h5netcdf")  # fmt: skip


@pytest.fixture(scope="module")
def exported(finished):
    from typer.testing import CliRunner

    from jobs.cli.app import app

    result = CliRunner().invoke(app, ["export", str(finished)])
    assert result.exit_code == 0, result.output
    return finished / "maps" / "2002"


def test_the_map_has_what_the_sites_have_and_an_interval_around_it(exported):
    import rasterio

    assert not (exported.parent / "2001").exists()  # years: 2002
    with rasterio.open(exported / "above_ground_wood.tif") as opened:
        assert opened.descriptions == (
            "mean", "sd", "p05", "p95", "default", "quality",
        )  # fmt: skip
        assert opened.units[0] == "g m-2"
        assert opened.tags()["date"] == "2002-07-15"
        assert opened.bounds.top == pytest.approx(45.0)
        mean, sd, low, high = opened.read([1, 2, 3, 4])
    want = slope(np.arange(N))[:, None] * np.ones(N)
    assert np.sqrt(np.mean((mean / want - 1.0) ** 2)) < 0.1
    assert np.corrcoef(mean.ravel(), want.ravel())[0, 1] > 0.95
    assert np.mean((low < want) & (want < high)) > 0.85
    assert np.all(low < high)
    assert np.all(sd > 0.0)


def test_a_state_that_covariates_do_not_explain_is_the_mean_of_the_sites(exported):
    import rasterio

    with rasterio.open(exported / "soil_carbon.tif") as opened:
        mean, quality = opened.read([1, 6])
    assert np.ptp(mean) < 0.03 * 9e3
    assert np.isfinite(quality).all()


def test_records_name_every_file(exported):
    collection = json.loads((exported / "collection.json").read_text())
    items = [link for link in collection["links"] if link["rel"] == "item"]
    assert len(items) == 4  # three states and the status map
    item = json.loads((exported / "lai.json").read_text())
    assert "2002-07-15" in json.dumps(item["properties"])
    assert (exported / "lai.png").is_file()
    assert (exported / "validation.csv").is_file()


def with_codes(text):
    """The table with -9999 in its last column, on some rows."""
    rows = text.splitlines()
    for k in range(5, 50, 5):
        rows[k] = ",".join([*rows[k].split(",")[:-1], "-9999"])
    return "\n".join(rows) + "\n"


def test_bad_tables_are_refused_before_any_training(finished, tmp_path, masm_command):
    run = open_reanalysis(finished)
    text = (finished / "covariates.csv").read_text()
    for bad, said in (
        (text.replace("latitude", "lat"), "columns"),
        ("pixel,latitude,longitude\n1,44.975,-79.975\n", "columns"),
        (text.replace("\n1,", "\n0,", 1), "0 twice"),
        (text.replace("44.975,-79.975,0,", "44.975,-79.975,high,"), r"csv:2  height"),
        ("pixel,latitude,longitude,height\n", "no rows"),
        (text.replace("\n1,", "\n1.5,", 1), "a whole number"),
        (text.replace("\n1,44.975", "\n1,nan", 1), 'latitude\n  found   "nan"'),
        (text.replace("\n1,44.975", "\n1,144.975", 1), "-90 to 90"),
        (with_codes(text), "missing-value code"),
    ):
        path = tmp_path / "covariates.csv"
        path.write_text(bad)
        with pytest.raises(ConfigError, match=said):
            read_grid(path)
    path.write_text("\n".join(text.splitlines()[:100]) + "\n")
    found = xr.Dataset(
        coords={"site": ["far"], "latitude": ("site", [10.0]),
                "longitude": ("site", [10.0])}
    )  # fmt: skip
    with pytest.raises(ConfigError, match="sites outside the pixels"):
        pixels_of_sites(run, found, read_grid(path))
    other = tmp_path / "net"
    make_folder(other)
    (other / "config.yaml").write_text(
        CONFIG.replace("  maps: {covariates: covariates.csv, years: 2002, "
                       "candidates: 1}\n", "")
    )  # fmt: skip
    reported = masm_command("export", other)
    assert reported.exit_code == 2
    assert "maps: {covariates" in reported.output


def test_only_maps_are_cleared(tmp_path):
    from types import SimpleNamespace

    from jobs.run.folder import RunFolder
    from jobs.stages.reanalysis.maps import _clear_maps

    kept = ["notes.txt", "2001/notes.txt", "old/2001/lai.tif", "lai.tif"]
    gone = ["2001/lai.tif", "2002/lai.json", "2002/validation.csv"]
    for name in (*kept, *gone):
        path = tmp_path / "maps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "maps" / "2003").symlink_to(tmp_path / "maps" / "old" / "2001")
    _clear_maps(SimpleNamespace(folder=RunFolder(tmp_path)))
    left = [p for p in (tmp_path / "maps").rglob("*") if p.is_file()]
    assert {p.relative_to(tmp_path / "maps").as_posix() for p in left} == set(kept)
    assert not (tmp_path / "maps" / "2002").exists()


def test_a_mistake_takes_no_maps_away(finished, tmp_path, masm_command):
    path = shutil.copytree(finished, tmp_path / "net")
    before = path / "maps" / "2001" / "lai.tif"
    make_folder(before.parent)
    before.write_text("of an earlier export")
    config = path / "config.yaml"
    config.write_text(config.read_text().replace("years: 2002,", "years: 1990,"))
    result = masm_command("export", path)
    assert result.exit_code == 2
    assert "none is analysed" in result.stderr
    assert before.is_file()
