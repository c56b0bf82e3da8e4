"""What a calibration leaves out, and that leaving it out changes nothing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import ibis_dalec
from ibis_dalec.forcing import region_arrays
from landdata import generate_weather, harvard_normals

OPTIONS = {"soil_carbon": "ibis", "respiration": "ibis"}


@pytest.fixture(scope="module")
def forcing():
    return generate_weather(harvard_normals(), (2001, 2002), np.random.default_rng(3))


@pytest.fixture(scope="module")
def sample():
    return {"vmax": np.array([3e-5, 5e-5]), "p18": np.array([60.0, 90.0])}


def test_a_saved_spin_up_state_stands_for_the_spin_up(forcing, sample):
    spun = ibis_dalec.simulate_batch(forcing, sample, spinup_cycles=2)
    year = forcing.sel(time="2001")
    first = ibis_dalec.simulate_batch(year, sample, spinup_cycles=0)
    second = ibis_dalec.simulate_batch(year, sample, initial_state=first)
    from_state = ibis_dalec.simulate_batch(forcing, sample, initial_state=second)
    xr.testing.assert_equal(spun, from_state)


def test_leaving_out_soil_carbon_changes_no_leaf_and_no_gpp(forcing, sample):
    keywords = {"spinup_cycles": 0, **OPTIONS}
    whole = ibis_dalec.simulate_batch(forcing, sample, **keywords)
    few = ibis_dalec.simulate_batch(forcing, sample, outputs=("lai", "gpp"), **keywords)
    for name in ("lai", "gpp"):
        np.testing.assert_array_equal(few[name], whole[name])


def test_stopping_early_changes_nothing_before(forcing, sample):
    whole = ibis_dalec.simulate_batch(forcing, sample, spinup_cycles=0)
    part = ibis_dalec.simulate_batch(
        forcing.isel(time=slice(0, 500)), sample, spinup_cycles=0
    )
    for name in part.data_vars:
        if "time" in part[name].dims:
            np.testing.assert_array_equal(
                part[name], whole[name].isel(time=slice(0, 500))
            )


def region(forcing, n=4):
    """The pixel's weather with ever colder nights."""
    cold = xr.DataArray(np.arange(float(n)), dims="pixel")
    pixels = forcing.assign(
        tmin=(forcing["tmin"] - cold).assign_attrs(forcing["tmin"].attrs),
        **{k: xr.full_like(cold, float(forcing[k])) for k in ("lat", "sand", "clay")},
    )
    for name in ("lat", "sand", "clay"):
        pixels[name].attrs = forcing[name].attrs
    return pixels.transpose("time", "pixel")


def test_arrays_of_a_region_are_those_of_its_pixels(forcing):
    drivers, sites, _ = region_arrays(region(forcing))
    for i in range(4):
        clean = ibis_dalec.validate_forcing(region(forcing).isel(pixel=i))
        for d, name in enumerate(list(clean.data_vars)[:8]):
            np.testing.assert_array_equal(drivers[:, d, i], clean[name])
        assert sites[i, 0] == float(clean["lat"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("prec", -1.0), ("tmin", 60.0), ("pressure", 990.0), ("wind", np.nan)],
)
def test_a_bad_number_of_a_region_names_pixel_variable_and_date(forcing, name, value):
    pixels = region(forcing)
    values = np.broadcast_to(
        pixels[name].values.reshape(pixels.sizes["time"], -1), (pixels.sizes["time"], 4)
    ).copy()
    values[17, 2] = value
    pixels[name] = (("time", "pixel"), values, pixels[name].attrs)
    with pytest.raises(ibis_dalec.InputError, match=r"pixel 2.*(?s:.*)01-18"):
        region_arrays(pixels)


def test_without_a_folder_for_the_cache_the_model_still_compiles():
    program = (
        "from ibis_dalec.physics.compile import entry_point\n"
        "def twice(x):\n"
        "    return 2.0 * x\n"
        "print(entry_point(twice, 1)(21.0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_CACHE_DIR": "/proc/no/such/folder"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "42.0"
    assert "cannot be kept" in done.stderr
