"""Uptake is negative whatever the metadata says, and no error bar is zero."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landdata import read_callmip_fluxes
from landdata.errors import InputError


@pytest.fixture
def tower():
    days = pd.date_range("2003-01-01", "2003-12-31")
    season = np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 190) / 365)
    values = {
        "NEE_daily": -1.0 - 4.0 * season,
        "NEE_uc_daily": np.full(365, 0.4),
        "Qle_daily": 40.0 + 40.0 * season,
        "Qle_uc_daily": np.full(365, 5.0),
        "Qh_daily": 30.0 + 40.0 * season,
        "Qh_uc_daily": np.full(365, 6.0),
    }
    content = xr.Dataset(
        {
            name: (
                "time",
                value.astype("float32"),
                {"units": "gC/m2/d" if "NEE" in name else "W/m2"},
            )
            for name, value in values.items()
        },
        coords={"time": days},
        attrs={"site_code": "DE-Hai"},
    )
    content["latitude"] = ("y", [51.08], {"units": "degrees_north"})
    content["longitude"] = ("x", [10.45], {"units": "degrees_east"})
    content["NEE_daily"].attrs["standard_name"] = (
        "surface_net_downward_mass_flux_of_carbon_dioxide_expressed_as_carbon"
        "_due_to_all_land_processes_excluding_anthropogenic_land_use_change"
    )
    return content


@pytest.fixture
def save(tmp_path):
    def _save(content, engine="scipy"):
        path = tmp_path / f"flux_{engine}.nc"
        content.to_netcdf(path, engine=engine)
        return path

    return _save


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_fluxes_come_with_place_and_sign(save, tower, engine):
    fluxes = read_callmip_fluxes(save(tower, engine))
    assert fluxes.attrs["lat"] == 51.08
    assert fluxes["nee"].attrs["positive"] == "up"
    assert "standard_name" not in fluxes["nee"].attrs
    assert float(fluxes["nee"][190]) < 0.0 < float(fluxes["nee"][0])
    assert fluxes["nee"].attrs["units"] == "g m-2 d-1"
    np.testing.assert_allclose(fluxes["latent_heat"], tower["Qle_daily"])


def test_a_day_without_an_uncertainty_is_no_observation(save, tower):
    tower["NEE_uc_daily"][10] = 0.0
    tower["NEE_uc_daily"][11] = np.nan
    tower["NEE_daily"][12] = np.nan
    nee = read_callmip_fluxes(save(tower))["nee"]
    assert np.isnan(nee[10:13]).all()
    assert nee.attrs["n_without_sd"] == 2


def test_a_file_with_the_other_sign_is_refused(save, tower):
    tower["NEE_daily"] = (-tower["NEE_daily"]).assign_attrs(tower["NEE_daily"].attrs)
    with pytest.raises(InputError, match="-1"):
        read_callmip_fluxes(save(tower))


def test_a_dry_summer_that_releases_carbon_is_no_wrong_sign(save, tower):
    """Uptake follows rain in winter: the season is turned round, the sign is not."""
    flux = -(tower["NEE_daily"] + 1.0)
    heat = 80.0 - tower["Qle_daily"]
    tower["NEE_daily"] = flux.assign_attrs(tower["NEE_daily"].attrs)
    tower["Qle_daily"] = heat.assign_attrs(tower["Qle_daily"].attrs)
    fluxes = read_callmip_fluxes(save(tower))
    assert float(fluxes["nee"][190]) > float(fluxes["nee"][0])


def test_few_days_without_latent_heat_are_judged_by_the_season_in_the_north(
    save, tower
):
    tower["Qle_daily"][:] = np.nan
    read_callmip_fluxes(save(tower))
    tower["NEE_daily"] = (-tower["NEE_daily"]).assign_attrs(tower["NEE_daily"].attrs)
    with pytest.raises(InputError, match="summer"):
        read_callmip_fluxes(save(tower))


def test_hourly_values_summed_as_half_hours_are_doubled_and_reported(
    save, tower, caplog
):
    tower.attrs |= {
        "Input_file": "/data/FLX_US-MMS_FLUXNET2015_FULLSET_HR_1999-2014_1-4.csv",
        "scaling_factor_NEE": "umolCO2/m2/s -> 1e-6 * 12 * 1800 gC/m2/half-hour",
    }
    path = save(tower)
    fluxes = read_callmip_fluxes(path)
    np.testing.assert_allclose(fluxes["nee"], 2.0 * tower["NEE_daily"], rtol=1e-6)
    np.testing.assert_allclose(fluxes["nee_sd"], 0.8, rtol=1e-6)
    np.testing.assert_allclose(fluxes["latent_heat_sd"], 5.0)
    assert "doubled" in caplog.text
    published = read_callmip_fluxes(path, as_published=True)
    np.testing.assert_allclose(published["nee"], tower["NEE_daily"], rtol=1e-6)
    assert "left as published" in published.attrs["corrections"]


def test_half_hourly_values_are_left_alone(save, tower):
    tower.attrs |= {
        "Input_file": "FLX_DE-Hai_FLUXNET2015_FULLSET_HH_2000-2012_1-4.csv",
        "scaling_factor_NEE": "1e-6 * 12 * 1800",
    }
    fluxes = read_callmip_fluxes(save(tower))
    np.testing.assert_allclose(fluxes["nee"], tower["NEE_daily"], rtol=1e-6)
    assert fluxes.attrs["role"] == "calibration"


def test_a_validation_site_is_named(save, tower, caplog):
    tower.attrs["site_code"] = "AU-How"
    assert read_callmip_fluxes(save(tower)).attrs["role"] == "validation"
    assert "must not be calibrated on" in caplog.text


def test_another_unit_or_a_missing_variable_is_refused(save, tower):
    with pytest.raises(InputError, match="Qh_daily"):
        read_callmip_fluxes(save(tower.drop_vars("Qh_daily")))
    tower["NEE_daily"].attrs["units"] = "umol/m2/s"
    with pytest.raises(InputError, match="umol"):
        read_callmip_fluxes(save(tower))


def test_a_file_that_is_no_netcdf_is_refused(tmp_path):
    path = tmp_path / "flux.nc"
    path.write_text("nothing of the kind")
    with pytest.raises(InputError, match="netCDF"):
        read_callmip_fluxes(path)


def test_hainich_has_few_days_of_nee_and_takes_up_carbon_in_summer(real_data):
    path = real_data / "callmip/DE-Hai_daily_aggregated_2000-2012_FLUXNET2015_Flux.nc"
    fluxes = read_callmip_fluxes(path)
    assert fluxes.attrs["site"] == "DE-Hai"
    assert int(fluxes["nee"].notnull().sum()) == 71
    july = fluxes["nee"].where(fluxes["time"].dt.month == 7).mean()
    assert float(july) < -3.0
