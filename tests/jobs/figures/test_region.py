"""Figures of a region from small tables: a PNG each, and the CSV it was drawn from."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.figures import (
    fluxes as figures_fluxes,
)
from jobs.figures import (
    maps as figures_maps,
)
from jobs.figures import (
    upscaling as figures_upscaling,
)
from jobs.figures.canvas import total_scale
from jobs.figures.coastlines import box_around, lines_in


@pytest.fixture
def places():
    lat, lon = np.meshgrid([40.025, 40.075, 40.125], [-75.125, -75.075])
    columns = {"latitude": lat.ravel(), "longitude": lon.ravel()}
    return pd.DataFrame(columns, index=pd.Index(range(6), name="pixel"))


@pytest.fixture
def maps():
    rng = np.random.default_rng(1)
    dims = ("parameter", "pixel")
    return xr.Dataset(
        {
            "mean": (dims, np.c_[[3e-5, 60.0]] * (1 + 0.1 * rng.random((2, 6)))),
            "sd": (dims, np.c_[[2e-6, 5.0]] * (1 + 0.1 * rng.random((2, 6)))),
            "quality": (dims, [[1, 1, 2, 3, 4, 1], [1] * 6]),
        },
        {
            "parameter": ["vmax", "p18"],
            "unit": ("parameter", ["mol m-2 s-1", "g m-2"]),
            "pixel": range(6),
        },
    )


@pytest.fixture
def scores(places):
    rng = np.random.default_rng(2)
    rows = [
        {"pixel": pixel, **place, "stream": stream, "period": "all"}
        | {"parameters": name, "ae": rng.normal(), "r2": 0.9, "rmse": 1.0, "diso": 0.3}
        for pixel, place in places.iterrows()
        for stream in ("gpp", "lai")
        for name in ("default", "calibrated", "upscaled")
    ]
    return pd.DataFrame(rows)


def drawn(path):
    assert path.read_bytes()[:4] == b"\x89PNG"
    return pd.read_csv(path.with_suffix(".csv"))


def test_values_lie_where_their_pixels_are(places):
    values = np.arange(6.0)
    grid, (x, y) = figures_maps.to_grid(
        places["latitude"].to_numpy(), places["longitude"].to_numpy(), values
    )
    for value, (lat, lon) in zip(values, places.to_numpy(), strict=True):
        row, column = np.searchsorted(y, lat) - 1, np.searchsorted(x, lon) - 1
        assert grid[row, column] == value


def test_a_grid_has_no_value_where_there_is_no_pixel(places):
    some = places.iloc[[0, 5]]
    grid, _ = figures_maps.to_grid(
        some["latitude"].to_numpy(), some["longitude"].to_numpy(), np.ones(2)
    )
    assert np.isfinite(grid).sum() == 2


def test_maps_of_parameters_errors_and_applicability(places, maps, scores, tmp_path):
    figures_maps.draw_parameter_maps(maps, places, tmp_path / "a.png", title="$\\x")
    table = drawn(tmp_path / "a.png")
    np.testing.assert_allclose(table["vmax"], maps["mean"][0], rtol=1e-5)
    np.testing.assert_allclose(table["p18_sd"], maps["sd"][1], rtol=1e-5)
    figures_maps.draw_applicability(maps, places, tmp_path / "b.png", title="t")
    assert drawn(tmp_path / "b.png")["vmax"].iloc[3] == "region mean: no skill"
    figures_maps.draw_error_maps(scores, tmp_path / "c.png", title="t")
    assert set(drawn(tmp_path / "c.png")["parameters"]) >= {"default", "upscaled"}


def test_a_map_of_one_value_has_no_scale_made_of_rounding():
    flat = 0.0735 + 1e-11 * np.random.default_rng(1).random(50)
    assert figures_maps.is_flat(flat)
    low, high = figures_maps._limits_of(np.r_[flat, np.nan])
    assert high - low == pytest.approx(0.2 * 0.0735, rel=1e-6)
    assert not figures_maps.is_flat([1.0, 1.1, np.nan])
    assert figures_maps._limits_of(np.full(3, np.nan)) == (0.0, 1.0)


def test_totals_of_a_small_region_are_drawn_in_a_unit_fit_for_them():
    assert total_scale(0.0025) == (1000.0, "Tg of carbon a year")
    assert total_scale(5.8) == (1.0, "Pg of carbon a year")


def test_equal_scores_count_as_good(scores, tmp_path):
    figures_upscaling.draw_upscaled_scores(
        scores, tmp_path / "a.png", title="t", units={"gpp": "g m-2 d-1", "lai": "1"}
    )
    table = drawn(tmp_path / "a.png")
    assert (table["calibrated"] == table["upscaled"]).all()


def test_efficiency_is_one_for_the_same_and_zero_for_the_mean():
    known = np.array([1.0, 2.0, 4.0])
    assert figures_upscaling.efficiency(known, known) == 1.0
    mean = np.full(3, known.mean())
    assert figures_upscaling.efficiency(mean, known) == pytest.approx(0.0)
    assert np.isnan(figures_upscaling.efficiency(np.ones(2), np.ones(2)))


def test_towers_are_drawn_with_what_the_product_itself_misses(tmp_path):
    rows = [
        {"site": site, "season": season, "year": year, "flux": flux, "n": 46}
        | {"compared": compared, "diso_default": 0.8, "diso_upscaled": 0.4}
        | {"improved_upscaled": 0.5}
        for site in ("US-Ha1", "$\\frac")
        for season in ("all", "growing", "non-growing")
        for year in ("all", "2003")
        for flux, compared in (
            ("gpp", "model/product"),
            ("gpp", "model/tower"),
            ("er", "model/tower"),
            ("gpp", "product/tower"),
        )
    ]
    figures_fluxes.draw_sites(pd.DataFrame(rows), tmp_path / "a.png", title="t")
    assert set(drawn(tmp_path / "a.png")["year"]) == {"all", "2003"}


def test_a_flux_that_doubles_in_summer_alone_changes_by_its_fraction_of_the_year(
    tmp_path,
):
    time = pd.date_range("2003-01-01", "2003-12-01", freq="MS")
    flat = xr.Dataset(
        {
            name: (("pixel", "time"), np.full((2, 12), level))
            for name, level in {"gpp": 1.0, "er": 2.0, "nee": -1.0}.items()
        },
        {"time": time},
    )
    summer = flat["time"].dt.month.isin(range(5, 10))
    after = flat.assign(gpp=flat["gpp"].where(~summer, 2.0))
    weight = xr.DataArray([1.0, 3.0], dims="pixel")
    table = figures_fluxes.season_changes(flat, after, weight)
    change = table.set_index(["flux", "season"])["change"]
    assert change["gpp", "May to September"] == pytest.approx(1.0)
    assert change["gpp", "other months"] == pytest.approx(0.0)
    assert change["gpp", "all year"] == pytest.approx(153 / 365)
    assert change["nee", "all year"] == 0.0
    totals = pd.DataFrame(
        {
            "flux": ["gpp", "gpp", "gpp"],
            "parameters": ["default", "upscaled", "ensemble"],
            "year": ["2003", "2003", "2003"],
            "total": [1.0, 1.4, 1.4],
            "low": [np.nan, np.nan, 1.2],
            "high": [np.nan, np.nan, 1.6],
        }
    )
    figures_fluxes.draw_years(totals, table, tmp_path / "a.png", title="t")
    assert len(drawn(tmp_path / "a.png")) == 9


def test_a_box_around_one_place_holds_it_and_its_coast():
    box = box_around(np.array([-70.6]), np.array([41.6]))
    assert box[2] - box[0] >= 3.0
    assert {line.kind for line in lines_in(box)} == {"coast", "state"}
