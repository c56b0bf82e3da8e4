"""A model that is called without parameters runs once, with its defaults."""

import numpy as np
import pytest
import xarray as xr

import ibis_dalec
from jobs.process_models.base import Settings
from jobs.process_models.ibis_dalec import IbisDalec
from jobs.process_models.scaled import Group, ScaledModel


def _simulated(drivers, parameters, *, outputs, **options):
    (n,) = {np.size(values) for values in parameters.values()}
    one = ("sample", "time"), np.ones((n, 3))
    return xr.Dataset(dict.fromkeys(outputs, one), coords={"time": range(3)})


@pytest.mark.parametrize("options", [{}, {"operators": ["fapar"]}])
@pytest.mark.parametrize("scaled", [False, True])
def test_no_parameters_are_the_defaults(monkeypatch, tmp_path, options, scaled):
    monkeypatch.setattr(ibis_dalec, "simulate_batch", _simulated)
    model = IbisDalec(Settings(1, options, tmp_path))
    if scaled:
        name = next(n for n, row in model.parameters.items() if row.default > 0.0)
        model = ScaledModel(model, {"factor": Group((name,), 0.999, 1.001)})
    assert model.plant_type
    assert "gpp" in model.exported
    outputs = [*options.get("operators", []), "gpp"]
    found = model.calibration_model(xr.Dataset(), outputs, slice(None))({})
    assert found["gpp"].shape == (1, 3)
