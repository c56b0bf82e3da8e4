"""What satellites see of IBIS-DALEC: closed forms, dimensions, units, refusals."""

import numpy as np
import pytest
import xarray as xr

import ibis_dalec
from ibis_dalec.run.outputs import Options, Recording
from jobs.errors import ConfigError
from jobs.process_models.base import Settings
from jobs.process_models.ibis_dalec import IbisDalec
from jobs.process_models.operators import (
    OPERATORS,
    fluorescence,
    optical_depth,
    surface_moisture,
)

DAYS = 3
VALUES = {
    "lai": 3.0, "gpp": 8.0, "sw_in": 200.0, "cw": 4000.0, "moisture_stress": 0.5,
    "leaf_temperature": 290.0,
}  # fmt: skip


def simulated(drivers, parameters, *, outputs, **options):
    """Made-up outputs; sample k has k times the leaf area, soil layers differ."""
    (n,) = {np.size(values) for values in parameters.values()}
    found = {}
    for name in outputs:
        if name in ("soil_moisture", "soil_ice"):
            top, deep = (0.5, 0.9) if name == "soil_moisture" else (0.2, 0.0)
            values = np.broadcast_to([top, deep], (n, DAYS, 2))
            found[name] = (("sample", "time", "layer"), values)
        else:
            many = 1.0 + np.arange(n)[:, None] if name == "lai" else np.ones((n, 1))
            values = VALUES[name] * many * np.ones((n, DAYS))
            found[name] = (("sample", "time"), values)
    return xr.Dataset(found, coords={"time": range(DAYS)})


@pytest.fixture
def observe(monkeypatch):
    monkeypatch.setattr(ibis_dalec, "simulate_batch", simulated)
    model = IbisDalec(Settings(0, {"operators": list(OPERATORS)}))

    def run(theta, streams=tuple(OPERATORS)):
        return model.calibration_model(xr.Dataset(), streams, slice(None))(theta)

    return run


def test_every_operator_is_of_outputs_that_the_model_has():
    for operator in OPERATORS.values():
        recording = Recording.choose(operator.inputs, Options())
        assert recording.wanted == operator.inputs


def test_values_are_those_of_the_equations(observe):
    found = observe(
        {"sif_of_light": np.array([0.02, 0.04]), "ssm_residual": np.array([0.0, 0.1])}
    )
    for name, operator in OPERATORS.items():
        assert found[name].dims == ("sample", "time")
        assert found[name].attrs["units"] == operator.output.unit
    light = 0.5 * 0.0864 * 200.0
    absorbed = 1.0 - np.exp(-0.5 * np.array([3.0, 6.0]))
    sif = 0.05 * 8.0 + np.array([0.02, 0.04]) * absorbed * light
    np.testing.assert_allclose(found["sif"].isel(time=0), sif, rtol=1e-12)
    liquid = 0.5 * 0.8  # of the upper layer, which is a fifth ice
    ssm = [0.45 * liquid, 0.1 + 0.35 * liquid]
    np.testing.assert_allclose(found["ssm"].isel(time=1), ssm, rtol=1e-12)
    thaw = 0.36 + 0.64 / (1.0 + np.exp(-(290.0 - 273.15) / 2.0))
    lvod = (2e-4 * 4000.0 + 0.05 * np.array([3.0, 6.0])) * 0.7 * thaw
    np.testing.assert_allclose(found["lvod"].isel(time=2), lvod, rtol=1e-12)


def test_a_missing_day_of_the_model_is_missing_in_what_is_seen():
    assert np.isnan(fluorescence(np.nan, 1.0, 100.0, 0.05, 0.0, 0.5))
    assert np.isnan(surface_moisture(0.5, np.nan, 0.0, 0.45))
    assert np.isnan(optical_depth(np.nan, 1.0, 1.0, 290.0, 2e-4, 0.05, 0.4))


def test_frozen_vegetation_is_seen_less_and_never_not_at_all():
    warm, cold = (
        optical_depth(3000.0, 2.0, 1.0, kelvin, 2e-4, 0.05, 0.4)
        for kelvin in (300.0, 200.0)
    )
    assert cold / warm == pytest.approx(0.36, rel=1e-4)


def test_parameters_of_what_is_not_asked_for_are_not_there():
    names = set(IbisDalec(Settings(0, {"operators": ["ssm"]})).parameters)
    assert {"ssm_residual", "ssm_saturated"} <= names
    assert not {"sif_of_gpp", "lvod_dry", "fapar_background"} & names


def test_an_operator_that_is_not_known_is_refused_by_name():
    with pytest.raises(ConfigError, match="ssn") as caught:
        IbisDalec(Settings(0, {"operators": ["ssn"]}))
    assert "ssm" in str(caught.value)
