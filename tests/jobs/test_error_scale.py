"""Errors of unknown size, from the configuration to the report."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.calibration import summarise
from jobs.config import RelativeVariance, Stream
from jobs.config_section import Period
from jobs.observed import make_streams
from jobs.report.results import Results

TIME = pd.date_range("2001-01-01", "2001-12-31")


def observations():
    rng = np.random.default_rng(0)
    gpp = 5.0 + 1.5 * rng.standard_normal(TIME.size)
    units = {"units": "g m-2 d-1"}
    return xr.Dataset(
        {
            "gpp": ("time", gpp, units),
            "gpp_sd": ("time", np.full(TIME.size, 0.5), units),
        },
        {"time": TIME},
    )


@pytest.mark.parametrize(
    ("variance", "name"),
    [
        ("sampled", "sampled (sd 0.1 to 10 times given)"),
        (
            RelativeVariance(fraction=0.2, floor=0.5, sampled=True),
            "sampled (sd 0.1 to 10 times relative (sd 0.2 of value, floor 0.5))",
        ),
        (
            RelativeVariance(fraction=0.2, floor=0.5),
            "relative (sd 0.2 of value, floor 0.5)",
        ),
    ],
)
def test_a_stream_is_believed_as_its_configuration_says(variance, name):
    rules = {"gpp": Stream(variance=variance)}
    streams = make_streams(observations(), rules, Period(first=2001, last=2001))
    assert streams["gpp"].aggregate().variance_rule == name


def test_the_summary_and_the_report_hold_the_factors_found():
    rules = {"gpp": Stream(variance="sampled")}
    streams = make_streams(observations(), rules, Period(first=2001, last=2001))

    def model(theta):
        return {"gpp": theta["level"][:, None] * np.ones(TIME.size)}

    result = masm.calibrate(
        model, streams, {"level": (0.0, 10.0)}, seed=1, max_runs=22, n_draws=40
    )
    summary = summarise(result, 0.1)
    assert summary["error_scale"]["gpp"]["mean"] == pytest.approx(3.0, rel=0.3)
    results = Results(run=None)
    results.__dict__["summaries"] = {1: summary, 2: {"parameters": {}}}
    (row,) = results.error_rows.to_dict("records")
    assert row["stream"] == "gpp"
    assert row["q05"] < row["mean"] < row["q95"]
    assert row["at_low_bound"] == row["at_high_bound"] == 0.0
    results.__dict__.pop("error_rows")
    results.__dict__["summaries"] = {2: {"parameters": {}}}
    assert results.error_rows.empty
