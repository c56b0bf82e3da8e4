"""The synthetic region: labelled, repeatable, and true to what it claims."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ibis_dalec import parameter_table, simulate
from landdata.cube.build import build_cube
from landdata.cube.layout import days_of
from landdata.errors import InputError
from landdata.files.units import udunits
from landdata.grid.grid import Grid
from landdata.grid.windows import window_length, window_of, window_starts
from landdata.synthetic.products import observe
from landdata.synthetic.random_fields import autoregression, make_waves
from landdata.synthetic.region import (
    TRUE_STREAMS,
    VARIABLES,
    Noise,
    SyntheticSource,
    make_land,
    make_truth,
    synthetic_block,
    synthetic_weather,
    truth_covariates,
)
from landdata.synthetic.site_normals import site_normals
from landdata.synthetic.weather import make_regional_weather
from landdata.variables import DRIVERS

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


def test_a_block_is_a_part_of_the_whole_region_bit_for_bit(cube, source, tmp_path):
    """Neither neighbours nor order nor workers change a pixel."""
    from dataclasses import replace

    part = Grid.from_bounds(-72.25, 42.4, -72.2, 42.5)
    other = build_cube(tmp_path / "part.zarr", replace(source, grid=part), workers=2)
    assert set(other.cells.ids) < set(cube.cells.ids)
    for id_ in other.cells.ids.tolist():
        one, two = other.pixel(id_), cube.pixel(id_)
        xr.testing.assert_identical(one.forcing, two.forcing)
        xr.testing.assert_identical(one.observations, two.observations)
        xr.testing.assert_identical(other.true_series([id_]), cube.true_series([id_]))


def test_the_true_series_are_the_model_at_the_true_parameters(cube):
    """The cube's own weather and parameters give back what it says is true."""
    position = 4
    id_ = int(cube.cells.ids[position])
    pixel = cube.pixel(id_)
    truth = {n: float(v[position]) for n, v in cube.true_parameters.items()}
    run = simulate(pixel.forcing, truth, outputs=list(TRUE_STREAMS))
    number = window_of(pixel.forcing["time"].values)
    kept = cube.true_series([id_]).isel(pixel=0)
    for name in TRUE_STREAMS:
        means = pd.Series(run[name].to_numpy()).groupby(number).mean().to_numpy()
        np.testing.assert_allclose(kept[name], means, rtol=1e-5, atol=1e-5)
    assert not np.isnan(kept["gpp"]).any()
    np.testing.assert_allclose(kept["nee"], kept["er"] - kept["gpp"], atol=1e-4)


def test_observations_are_the_truth_with_the_stated_error(cube, source):
    ids = cube.cells.ids.tolist()
    seen, true = cube.observations(ids), cube.true_series(ids)
    for name, noise in source.noise.items():
        assert float(seen[name].min()) >= 0.0
        sd = np.sqrt(seen[f"{name}_variance"])
        np.testing.assert_allclose(
            sd, np.maximum(noise.fraction * true[name], noise.floor).where(sd > 0),
            rtol=1e-4,
        )  # fmt: skip
        # Nothing is cut off where the value is well above zero.
        z = ((seen[name] - true[name]) / sd).where(true[name] > noise.floor / 0.4)
        z = z.values[np.isfinite(z.values)]
        assert z.size > 150
        # Two errors in a row are alike (0.3), so the mean is less sure.
        wide = np.sqrt(1.3 / 0.7)
        assert abs(z.mean()) < 4.0 * wide / np.sqrt(z.size)
        assert abs(np.mean(z**2) - 1.0) < 4.0 * wide * np.sqrt(2.0 / z.size)


def test_errors_last_as_long_as_they_are_said_to():
    truth = np.full(20_000, 4.0)
    none = np.zeros(truth.size, dtype=bool)
    seen, variance = observe(truth, Noise(0.1, 0.15, persistence=0.5, lost=0.0), none,
                             np.random.default_rng(1))  # fmt: skip
    error = (seen - truth) / 0.4
    assert error.std() == pytest.approx(1.0, abs=0.03)
    assert np.corrcoef(error[1:], error[:-1])[0, 1] == pytest.approx(0.5, abs=0.03)
    np.testing.assert_allclose(variance, 0.16)


def test_there_are_gaps_but_not_many(cube):
    lost = np.isnan(cube.observations(cube.cells.ids.tolist())["lai"]).mean()
    assert 0.01 < float(lost) < 0.3


def test_true_parameters_lie_within_their_priors_and_follow_their_covariates():
    grid = synthetic_block()
    land = make_land(1, grid)
    truth = make_truth(1, grid.cells, land)
    table = parameter_table()
    assert set(truth) == set(table.index[table["calibrated"] == "yes"])
    for name, (values, attrs) in truth.items():
        assert attrs["units"] == udunits(table.loc[name, "unit"])
        assert (values > table.loc[name, "min"]).all()
        assert (values < table.loc[name, "max"]).all()
        assert values.std() > 0.0
    # Most leaf carbon over leaf mass per area: forests of an LAI of 2 to 8.
    lai = truth["p17"][0] / truth["p18"][0]
    assert lai.min() > 2.0
    assert lai.max() < 8.0
    warm, high, sand = truth_covariates(grid.cells, land)
    design = np.stack([warm, high, sand, np.ones(warm.size)], axis=1)
    explained = {}
    for name, (values, _) in truth.items():
        fit = design @ np.linalg.lstsq(design, values, rcond=None)[0]
        explained[name] = 1.0 - np.var(values - fit) / np.var(values)
    # Covariates say much, and never all.
    assert 0.2 < np.mean(list(explained.values())) < 0.9
    assert max(explained.values()) < 0.97
    # Warm places have more of the enzyme, sandy ones less.
    slopes = np.linalg.lstsq(design, truth["vmax"][0] / 6e-5, rcond=None)[0]
    assert slopes[0] > 0.03
    assert slopes[2] < -0.03
    assert (land["sand"] + land["clay"] < 100.0).all()
    assert land["elevation"].min() >= 5.0
    assert 0.3 < (land["forest_fraction"] > 0.5).mean() < 0.95


def test_weather_keeps_the_normals_of_the_site():
    """Where the region is at the site's height and latitude, its months are too."""
    harvard = site_normals()[0]
    normals = harvard.normals
    years = (1990, 2009)
    month = pd.DatetimeIndex(days_of(years)).month
    at = [np.array([v]) for v in (harvard.lat, harvard.lon, harvard.elevation)]
    wet_off, warm_off = [], []
    for seed in range(5, 10):
        rng = np.random.default_rng(seed)
        weather = make_regional_weather(42.5, -72.2, years, rng, (harvard,))
        place = weather.at(*at)[0].astype(float)
        tmin, tmax, rain = (place[DRIVERS.index(n)] for n in ("tmin", "tmax", "prec"))
        assert (tmin <= tmax).all()
        for m in (1, 4, 7, 10):
            row = normals.monthly.loc[m]
            here = month == m
            fraction = row["wet_after_dry"] / (
                1 + row["wet_after_dry"] - row["wet_after_wet"]
            )
            wet_off.append((rain > 0.0)[here].mean() - fraction)
            expected = (
                fraction * row["mean_temperature_mean_wet"]
                + (1 - fraction) * row["mean_temperature_mean_dry"]
            )
            warm_off.append(0.5 * (tmin + tmax)[here].mean() - expected)
    # Twenty Januaries of a 5 K day-to-day spread: half a kelvin.
    assert np.mean(np.abs(wet_off) < 0.06) >= 0.9
    assert np.mean(np.abs(warm_off) < 1.0) >= 0.9
    # What is wrong in every seed shows in their mean.
    assert abs(np.mean(wet_off)) < 0.02
    assert abs(np.mean(warm_off)) < 0.35


def test_height_cools_and_thins_the_air():
    weather = make_regional_weather(
        42.5, -72.2, (2001, 2001), np.random.default_rng(5), site_normals()[:1]
    )
    low, high = weather.at(
        np.full(2, 42.5), np.full(2, -72.2), np.array([340.0, 840.0])
    ).astype(float)
    np.testing.assert_allclose(
        low[DRIVERS.index("tmax")] - high[DRIVERS.index("tmax")], 3.25, atol=1e-4
    )
    ratio = high[DRIVERS.index("pressure")] / low[DRIVERS.index("pressure")]
    np.testing.assert_allclose(ratio, 0.942, atol=0.002)


def test_the_cube_holds_what_instruments_measure(cube, source):
    """And the drivers made of it are those that the weather was drawn as."""
    assert cube.variables == VARIABLES
    assert not {"cloud_cover", "specific_humidity"} & set(cube.variables)
    drawn = synthetic_weather(source).at(
        cube.cells.lat,
        cube.cells.lon,
        cube.static["elevation"].to_numpy().astype(float),
    )
    found = cube.forcing(cube.cells.ids.tolist())
    # Single precision holds seven digits; light is cut into 0.509 of its range.
    for name, rtol, atol in (
        ("tmin", 0.0, 2e-5), ("tmax", 0.0, 2e-5), ("prec", 1e-6, 0.0),
        ("wind", 1e-6, 0.0), ("pressure", 1e-6, 0.0),
        ("specific_humidity", 3e-7, 0.0), ("cloud_cover", 0.0, 3e-7),
    ):  # fmt: skip
        expected = drawn[:, DRIVERS.index(name)]
        np.testing.assert_allclose(found[name], expected, rtol=rtol, atol=atol)
    # Rounding is no day out of the model's range.
    counts = found["cloud_cover"].attrs
    assert counts["n_clipped_dark"] == counts["n_clipped_bright"] == 0


def test_what_was_observed_has_no_truth(tmp_path, cube, monkeypatch):
    monkeypatch.setitem(cube.attrs, "true_parameters", [])
    monkeypatch.delitem(cube.__dict__, "true_parameters", raising=False)
    with pytest.raises(InputError, match="known truth"):
        _ = cube.true_parameters


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
    # One standard error is 0.005 to 0.009: days in a row are alike.
    np.testing.assert_allclose(today.T @ today / n, lag0, atol=0.036)
    np.testing.assert_allclose(today.T @ before / n, lag1, atol=0.036)


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
