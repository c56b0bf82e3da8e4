"""Forcing files of a table of pixels that hold weather as it was measured."""

import numpy as np
import pandas as pd
import pytest

from jobs.inputs.judgement import judge_forcing
from jobs.inputs.pixel_data import drivers_of, weather_of
from jobs.run.run import open_run
from landdata import generate_weather, harvard_normals, shortwave_of
from landdata.errors import InputError
from landdata.meteorology.humidity import vapour_pressure_from_specific_humidity
from landdata.meteorology.pressure import pressure_from_elevation

CONFIG = """\
name: measured weather
seed: 7
pixels:
  source: table
  table: places.csv
  forcing: "{{id}}.nc"
periods: {{spinup: 2001, calibration: 2002, validation: 2003}}
model: {{name: {model}}}
streams: {{gpp: {{variance: {{fraction: 0.1, floor: 0.5}}}}}}
twin: {{truth: {{{parameter}: {value}}}, noise: {{gpp: {{fraction: 0.1, floor: 0.5}}}}}}
calibration:
  blocks: [{{streams: [gpp], parameters: [{parameter}]}}]
"""
HEIGHT = 340.0
MODELS = {"ibis_dalec": ("vmax", 5e-5), "sipnet": ("aMax", 100.0)}


@pytest.fixture(scope="module")
def measured():
    drivers = generate_weather(
        harvard_normals(), (2001, 2003), np.random.default_rng(3)
    )
    e = vapour_pressure_from_specific_humidity(
        drivers["specific_humidity"], drivers["pressure"]
    )
    light = shortwave_of(drivers)
    return drivers[["tmin", "tmax", "prec", "wind", "co2"]].assign(
        vapour_pressure=("time", np.asarray(e), {"units": "Pa"}),
        shortwave=("time", light, {"units": "MJ m-2 d-1"}),
    )


def run_of(folder, weather, model):
    weather.to_netcdf(folder / "1.nc", engine="h5netcdf")
    row = {"id": 1, "name": "a", "latitude": 42.54, "longitude": -72.17}
    soil = {"elevation": HEIGHT, "sand": 66.0, "clay": 6.0}
    pd.DataFrame([row | soil]).to_csv(folder / "places.csv", index=False)
    parameter, value = MODELS[model]
    text = CONFIG.format(model=model, parameter=parameter, value=value)
    (folder / "config.yaml").write_text(text)
    return open_run(folder)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_takes_measured_weather_at_the_height_of_the_table(
    measured, model, tmp_path
):
    run = run_of(tmp_path, measured, model)
    weather = weather_of(run, run.pixels[0])
    assert judge_forcing(weather, run.pixels[0], "a") == []
    drivers = drivers_of(run, run.pixels[0], weather)
    if model == "ibis_dalec":
        found = drivers["pressure"].to_numpy()
        np.testing.assert_allclose(found, pressure_from_elevation(HEIGHT))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("name", "unit", "factor"),
    [("shortwave", "W m-2", 1.0 / 0.0864), ("vapour_pressure", "kPa", 1e-3)],
)
def test_measured_weather_in_another_unit_is_refused_with_the_factor(
    measured, model, name, unit, factor, tmp_path
):
    other = (factor * measured[name]).assign_attrs(units=unit)
    run = run_of(tmp_path, measured.assign({name: other}), model)
    with pytest.raises(InputError, match=f"{name}.units") as caught:
        drivers_of(run, run.pixels[0], weather_of(run, run.pixels[0]))
    assert f"Multiply by {1.0 / factor:g}" in str(caught.value)
