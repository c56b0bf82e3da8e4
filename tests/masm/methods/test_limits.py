"""Limits of options belong to the method; every way in refuses alike, before a run."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.methods.limits import Limit
from masm.methods.registry import all_methods
from masm.options import EmulatorOptions

SEEN = xr.Dataset(
    {"y": ("time", np.ones(3), {"units": "1"})},
    {"time": pd.date_range("2003-01-01", periods=3)},
)
LIMITED = [(method, limit) for method in all_methods() for limit in method.limits]


def refusals(method, options):
    """What each way in says of the options of a method; no model is run."""

    def never(theta):
        raise AssertionError("a run was made")

    chosen = masm.method_of(method)
    ways = (
        lambda: chosen.with_options(options),
        lambda: masm.sample_cost(
            never, {"a": (0.0, 1.0)}, seed=1, method=method, **options
        ),
        lambda: masm.calibrate(
            never, SEEN, {"a": (0.0, 1.0)}, seed=1, method=method,
            variance=1.0, windows=None, **options,
        ),
    )  # fmt: skip
    for way in ways:
        with pytest.raises(masm.InputError) as refused:
            way()
        yield str(refused.value)


@pytest.mark.parametrize(
    ("method", "limit"), LIMITED, ids=[f"{m.name}-{one.option}" for m, one in LIMITED]
)
def test_a_value_beyond_its_limit_is_refused_alike_by_every_way_in(method, limit):
    assert limit.option in method.options
    assert limit.holds(method.options[limit.option])  # the default is allowed
    beyond = [limit.low - 1.0, float("nan"), float("inf"), "many", True]
    if limit.above:
        beyond.append(limit.low)
    if np.isfinite(limit.high):
        beyond.append(1.001 * limit.high)
    for value in beyond:
        said = set(refusals(method.name, {limit.option: value}))
        assert len(said) == 1
        assert f"option {limit.option}" in said.pop()


def test_an_object_of_options_is_refused_in_the_same_words():
    with pytest.raises(masm.InputError) as refused:
        masm.method_of("emulator").with_options(EmulatorOptions(stop_at_error=-0.1))
    assert str(refused.value) == "\n".join(
        ("option stop_at_error", "  found   -0.1", "  wanted  0 to 0.1")
    )


def test_limits_say_what_they_hold():
    half_open = Limit("x", 0.0, 1.0, above=True)
    assert half_open.holds(1)
    assert half_open.holds(np.float32(0.5))
    assert not half_open.holds(0.0)
    assert Limit("x", 2.0).wanted == "2 or above"
    assert Limit("x", 0.0, above=True).wanted == "above 0"
