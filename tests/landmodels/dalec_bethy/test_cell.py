"""A cell's daily series and their derivatives in physical parameters."""

import numpy as np
import pytest

from landmodels.dalec_bethy.cell import CellModel, cell_controls, control_range
from landmodels.dalec_bethy.simulate import output_series
from landmodels.errors import InputError
from tests.landmodels.dalec_bethy.places import drivers_of_place, point, tile_of

STREAMS = ("gpp", "er", "sif", "lvod", "ssm", "vegetation_carbon")


@pytest.fixture(scope="module")
def boreal():
    drivers = drivers_of_place("boreal", 1, 1)
    return CellModel(drivers, {"EvCn": 0.6, "EShr": 0.4}, STREAMS)


def test_the_series_of_a_cell_are_the_weighted_series_of_its_tiles(boreal):
    found = boreal({})
    parts = [
        output_series(tile_of("boreal", kind).run(*point(kind, 0.0)))
        for kind in ("EvCn", "EShr")
    ]
    for name in ("gpp", "er"):
        expected = 0.6 * parts[0][name] + 0.4 * parts[1][name]
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)
    stock = sum(
        fraction * sum(part[n] for n in ("clab", "cfol", "croo", "cwoo"))
        for fraction, part in zip((0.6, 0.4), parts, strict=True)
    )
    np.testing.assert_allclose(found["vegetation_carbon"], stock, rtol=1e-12)


def test_adjoint_and_tangent_of_a_cell_are_transposed(boreal):
    rng = np.random.default_rng(3)
    controls = cell_controls(["EvCn", "EShr"])
    given = {n: c.prior * (1.0 + 0.05 * rng.standard_normal())
             for n, c in controls.items()}  # fmt: skip
    series, pull = boreal.vjp(given)
    again, slopes = boreal.jacobian(given, boreal.names)
    w = {s: rng.standard_normal(boreal.n_days) / np.ptp(series[s]) for s in STREAMS}
    v = rng.standard_normal(len(boreal.names)) * boreal.defaults
    forward = sum(w[s] @ (slopes[s] @ v) for s in STREAMS)
    assert pull(w) @ v == pytest.approx(forward, rel=1e-10)
    for s in STREAMS:
        np.testing.assert_array_equal(series[s], again[s])


def test_a_parameter_of_no_stream_asked_for_has_no_effect():
    cell = CellModel(drivers_of_place("boreal", 1, 1), {"EvCn": 1.0}, ["gpp"])
    np.testing.assert_array_equal(cell({"aw": 3e-4})["gpp"], cell({})["gpp"])
    _, slopes = cell.jacobian({}, ["vm", "aw"])
    assert np.all(slopes["gpp"][:, 1] == 0.0)
    assert np.any(slopes["gpp"][:, 0] != 0.0)


def test_names_and_ranges():
    assert list(cell_controls(["TmSg"]))[:2] == ["vm", "fwmax"]
    low, high = control_range(cell_controls(["TmSg"])["v0"])
    assert 0.0 < low < 0.4 < high < 1.0


def test_bad_parameters_streams_and_fractions_are_refused():
    drivers = drivers_of_place("boreal", 1, 1)
    with pytest.raises(InputError, match="streams"):
        CellModel(drivers, {"EvCn": 1.0}, ["ndvi"])
    with pytest.raises(InputError, match="fractions"):
        CellModel(drivers, {"EvCn": 0.5}, ["gpp"])
    with pytest.raises(InputError, match="hour"):
        CellModel(drivers, {"EvCn": 1.0}, ["sif"], hours={"sif": 24})
    with pytest.raises(InputError, match="vm"):
        CellModel(drivers, {"EvCn": 1.0}, ["gpp"])({"vm": -1.0})
