"""Normals of real sites: what was published, and how it blends."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landdata.meteorology.pressure import pressure_from_elevation
from landdata.synthetic.derive_normals import RECIPES, derive, moved_to, published_means
from landdata.synthetic.site_normals import LAPSE_RATE, blend, site_normals

DATA = Path(__file__).parents[3].parent / "shared" / "data"


def wet_fraction(monthly):
    return monthly["wet_after_dry"] / (
        1.0 + monthly["wet_after_dry"] - monthly["wet_after_wet"]
    )


def test_every_site_says_whose_data_it_is_made_of():
    sites = site_normals()
    assert [site.site for site in sites] == list(RECIPES)
    for site in sites:
        assert "CC-BY-4.0" in site.normals.source
        assert site.site in site.normals.source
        assert site.lat == pytest.approx(RECIPES[site.site].lat)


def test_months_have_the_means_they_were_moved_to():
    normals = site_normals()[0].normals
    months = range(1, 13)
    means = pd.DataFrame(
        {
            "mean_temperature": np.linspace(-5.0, 20.0, 12),
            "prec": np.linspace(1.0, 4.0, 12),
            "vpd": np.linspace(150.0, 700.0, 12),
            "pressure": 97000.0,
            "cloud_cover": np.linspace(0.7, 0.4, 12),
        },
        index=months,
    )
    m = moved_to(normals, means).monthly
    wet = wet_fraction(m)
    for name in ("mean_temperature", "pressure", "cloud_cover"):
        mixed = (1 - wet) * m[f"{name}_mean_dry"] + wet * m[f"{name}_mean_wet"]
        np.testing.assert_allclose(mixed, means[name], rtol=1e-6)
    rain = wet * (0.5 + m["rain_shape"] * m["rain_scale"])
    np.testing.assert_allclose(rain, means["prec"], rtol=1e-6)
    assert m["relative_humidity_mean_wet"].gt(m["relative_humidity_mean_dry"]).all()
    # The day-to-day spread is the site's own.
    np.testing.assert_array_equal(
        m["mean_temperature_sd_dry"], normals.monthly["mean_temperature_sd_dry"]
    )


def test_the_files_are_what_their_recipe_makes_of_the_published_data():
    if not DATA.is_dir():
        pytest.skip("the published data are not beside the repository")
    for site in site_normals():
        again = derive(site.site, DATA)
        pd.testing.assert_frame_equal(
            again.monthly, site.normals.monthly, check_names=False, rtol=1e-5
        )
        assert again.source == site.normals.source


def test_published_means_use_whole_years_only():
    if not DATA.is_dir():
        pytest.skip("the published data are not beside the repository")
    from landdata import read_fluxnet

    (path,) = (DATA / "fluxnet2015_monthly").glob("FLX_US-UMB_*")
    tower = read_fluxnet(path)
    table = pd.read_csv(path, na_values=[-9999])
    by_month = table["TA_F"].groupby(table["TIMESTAMP"] % 100).mean()
    found = published_means(tower, 45.56)
    np.testing.assert_allclose(found["mean_temperature"], by_month, rtol=1e-9)
    cut = published_means(tower.isel(time=slice(3, None)), 45.56)
    assert not np.allclose(cut["mean_temperature"], by_month)


def test_a_place_is_most_like_the_site_it_is_at():
    sites = site_normals()
    columns = [np.array(v) for v in zip(*((s.lat, s.lon, s.elevation) for s in sites),
                                        strict=True)]  # fmt: skip
    mixed = blend(sites, *columns)
    np.testing.assert_allclose(mixed.weights.sum(axis=1), 1.0)
    np.testing.assert_array_equal(mixed.weights.argmax(axis=1), np.arange(len(sites)))


def test_one_site_alone_is_moved_by_height_and_latitude_only():
    (site, *_) = site_normals()
    mixed = blend(
        (site,),
        np.array([site.lat, site.lat]),
        np.array([site.lon, site.lon - 1.0]),
        np.array([site.elevation, site.elevation + 500.0]),
    )
    np.testing.assert_array_equal(mixed.weights, 1.0)
    np.testing.assert_allclose(mixed.warmer, [0.0, -0.5 * LAPSE_RATE], atol=1e-12)
    thinner = pressure_from_elevation(site.elevation + 500.0)
    np.testing.assert_allclose(
        mixed.denser, [1.0, thinner / pressure_from_elevation(site.elevation)]
    )


def test_between_two_sites_temperature_changes_smoothly():
    """Half way, twins that differ in temperature alone give the middle."""
    (site, *_) = site_normals()
    monthly = site.normals.monthly.copy()
    for state in ("dry", "wet"):
        monthly[f"mean_temperature_mean_{state}"] += 4.0
    warm = replace(
        site, lon=site.lon + 4.0, normals=replace(site.normals, monthly=monthly)
    )
    mixed = blend(
        (site, warm),
        np.array([site.lat]),
        np.array([site.lon + 2.0]),
        np.array([site.elevation]),
    )
    np.testing.assert_allclose(mixed.weights, 0.5)
