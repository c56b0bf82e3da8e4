"""The synthetic region: labelled, repeatable, and true to what it claims."""

import numpy as np
import pandas as pd
import pytest

from ibis_dalec import parameter_table, simulate
from ibis_dalec.inputs import harvard_normals
from regions.build import build_cube
from regions.fields import autoregression, make_waves
from regions.grid import Grid
from regions.layout import DRIVERS, days_of
from regions.synthetic import TRUTH, SyntheticSource, make_land, make_truth
from regions.synthetic_weather import make_regional_weather
from regions.windows import window_length, window_of, window_starts

SMALL = Grid.from_bounds(-72.3, 42.4, -72.15, 42.5)  # six cells


@pytest.fixture(scope="module")
def source():
    return SyntheticSource(seed=3, grid=SMALL, years=(2002, 2003), forest_only=False)


@pytest.fixture(scope="module")
def cube(source, tmp_path_factory):
    return build_cube(tmp_path_factory.mktemp("synthetic") / "c.zarr", source)


def test_it_is_labelled_wherever_it_appears(cube):
    assert cube.synthetic
    assert "synthetic" in repr(cube)
    pixel = cube.pixel(int(cube.cells.ids[0]))
    for dataset in (pixel.forcing, pixel.observations):
        assert dataset.attrs["synthetic"] == 1
        assert "SYNTHETIC" in dataset.attrs["title"]
    assert "SYNTHETIC" in cube.maps["mask"].attrs["comment"]
    assert "SYNTHETIC" in cube.static["true_vmax"].attrs["comment"]


def test_the_seed_fixes_it_and_another_seed_is_another_region(cube, source, tmp_path):
    import json
    from dataclasses import replace

    again = build_cube(tmp_path / "a.zarr", source)
    for name in ("forcing/c/0/0/0", "observations/c/0/0/0"):
        one, two = (
            json.loads((c.path / "checksums.json").read_text())[name]
            for c in (cube, again)
        )
        assert one == two
    other = build_cube(tmp_path / "b.zarr", replace(source, seed=4))
    id_ = int(cube.cells.ids[0])
    assert not np.allclose(other.pixel(id_).forcing["tmax"],
                           cube.pixel(id_).forcing["tmax"])  # fmt: skip


def test_observations_are_the_model_at_the_truth_plus_the_stated_noise(cube):
    """The cube's own weather and parameters give back what was observed."""
    z = []
    for position in (0, 4):
        id_ = int(cube.cells.ids[position])
        pixel = cube.pixel(id_)
        truth = {n: float(cube.static[f"true_{n}"][position]) for n in TRUTH}
        run = simulate(pixel.forcing, truth, outputs=["lai", "gpp"])
        number = window_of(pixel.forcing["time"].values)
        for name in ("lai", "gpp"):
            daily = pd.Series(run[name].to_numpy())
            means = daily.groupby(number).mean().to_numpy()
            sd = np.sqrt(pixel.observations[f"{name}_variance"])
            z.append((pixel.observations[name] - means) / sd)
    z = np.concatenate([one.dropna("time") for one in z])
    assert z.size > 250
    # Means and squares of standard normal numbers, at four standard errors.
    assert abs(z.mean()) < 4.0 / np.sqrt(z.size)
    assert abs(np.mean(z**2) - 1.0) < 4.0 * np.sqrt(2.0 / z.size)


def test_there_are_gaps_but_not_many(cube):
    lost = np.isnan(cube.observations(cube.cells.ids.tolist())["lai"]).mean()
    assert 0.01 < float(lost) < 0.3


def test_true_parameters_lie_within_their_priors_and_follow_their_covariates():
    grid = Grid.from_bounds(-73.5, 41.5, -71.5, 43.0)
    land = make_land(1, grid)
    truth = make_truth(1, grid, grid.cells, land)
    table = parameter_table()
    assert set(truth) == set(table.index[table["calibrated"] == "yes"])
    for name, (values, _) in truth.items():
        assert (values > table.loc[name, "min"]).all()
        assert (values < table.loc[name, "max"]).all()
        assert values.std() > 0.0
    # Most leaf carbon over leaf mass per area: forests of an LAI of 2 to 8.
    lai = truth["p17"][0] / truth["p18"][0]
    assert lai.min() > 2.0
    assert lai.max() < 8.0
    sand = np.corrcoef(truth["vmax"][0], land["sand"])[0, 1]
    assert sand < -0.3
    assert (land["sand"] + land["clay"] < 100.0).all()
    assert land["elevation"].min() >= 5.0
    assert 0.3 < (land["forest_fraction"] > 0.5).mean() < 0.95


def test_weather_keeps_the_normals_of_the_site():
    """Where the region is at the site's height and latitude, its months are too."""
    normals = harvard_normals()
    years = (1990, 2009)
    weather = make_regional_weather(42.5, -72.2, years, np.random.default_rng(5))
    place = weather.at(np.array([normals.lat]), np.array([-72.2]), np.array([340.0]))[
        0
    ].astype(float)
    month = pd.DatetimeIndex(days_of(years)).month
    tmin, tmax, rain = (place[DRIVERS.index(n)] for n in ("tmin", "tmax", "prec"))
    wet = rain > 0.0
    for m in (1, 4, 7, 10):
        row = normals.monthly.loc[m]
        here = month == m
        share = row["wet_after_dry"] / (1 + row["wet_after_dry"] - row["wet_after_wet"])
        assert wet[here].mean() == pytest.approx(share, abs=0.06)
        expected = (
            share * row["mean_temperature_mean_wet"]
            + (1 - share) * row["mean_temperature_mean_dry"]
        )
        # Twenty Januaries of a 5 K day-to-day spread: half a kelvin.
        found = 0.5 * (tmin + tmax)[here].mean()
        assert found == pytest.approx(expected, abs=1.0)
    assert (tmin <= tmax).all()


def test_height_cools_and_thins_the_air():
    weather = make_regional_weather(42.5, -72.2, (2001, 2001), np.random.default_rng(5))
    low, high = weather.at(
        np.full(2, 42.5), np.full(2, -72.2), np.array([340.0, 840.0])
    ).astype(float)
    np.testing.assert_allclose(
        low[DRIVERS.index("tmax")] - high[DRIVERS.index("tmax")], 3.25, atol=1e-4
    )
    ratio = high[DRIVERS.index("pressure")] / low[DRIVERS.index("pressure")]
    np.testing.assert_allclose(ratio, 0.942, atol=0.002)


def test_a_field_has_the_correlation_of_its_waves():
    waves = make_waves(50.0, 42.5, -72.0, np.random.default_rng(1), n_waves=4000)
    lat = np.full(4, 42.5)
    lon = -72.0 + np.array([0.0, 25.0, 50.0, 150.0]) / (
        111.2 * np.cos(np.radians(42.5))
    )
    rows = waves.loadings(lat, lon)
    np.testing.assert_allclose((rows**2).sum(axis=1), 1.0)
    distance = np.sqrt(3.0) * np.array([0.0, 25.0, 50.0, 150.0]) / 50.0
    matern = (1.0 + distance) * np.exp(-distance)
    np.testing.assert_allclose(rows[0] @ rows.T, matern, atol=0.05)


def test_an_autoregression_has_the_lag_correlations_it_was_given():
    lag0 = np.array([[1.0, 0.4], [0.4, 1.0]])
    lag1 = np.array([[0.7, 0.2], [0.3, 0.5]])
    x = autoregression(lag0, lag1, 400, 200, np.random.default_rng(2))
    today, before = x[1:].reshape(-1, 2), x[:-1].reshape(-1, 2)
    n = today.shape[0]
    np.testing.assert_allclose(today.T @ today / n, lag0, atol=0.02)
    np.testing.assert_allclose(today.T @ before / n, lag1, atol=0.02)


def test_windows_begin_anew_each_january():
    starts = window_starts((2003, 2004))
    assert starts.size == 92
    assert [str(d) for d in starts[[0, 45, 46]]] == [
        "2003-01-01",
        "2003-12-27",
        "2004-01-01",
    ]
    days = days_of((2003, 2004))
    number = window_of(days)
    lengths = np.bincount(number - number[0])
    assert lengths.tolist() == [window_length(start) for start in starts]
    assert set(np.diff(number)) == {0, 1}
