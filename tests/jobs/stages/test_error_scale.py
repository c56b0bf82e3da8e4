"""Errors of unknown size, from the configuration to the report."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.config.schema import RelativeVariance, Stream
from jobs.config.section import Period
from jobs.inputs.streams import make_streams
from jobs.report.results import Results
from jobs.run.folder import RunFolder
from jobs.stages.calibrate_pixel import summarise

TIME = pd.date_range("2001-01-01", "2001-12-31")


UNITS = {"lai": "1", "gpp": "g m-2 d-1", "er": "g m-2 d-1", "nee": "g m-2 d-1"}


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
    streams = make_streams(
        observations(), rules, Period(first=2001, last=2001), units=UNITS
    )
    assert streams["gpp"].aggregate().variance_rule == name


def test_the_summary_and_the_report_hold_the_factors_found():
    # The errors of its values are independent, also within a window.
    rules = {"gpp": Stream(variance="sampled", window_correlation=0.0)}
    streams = make_streams(
        observations(), rules, Period(first=2001, last=2001), units=UNITS
    )

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


def test_a_run_with_errors_of_unknown_size_keeps_their_factors(
    run_path, edit, masm_command, small_process_model
):
    """Blocks of proposals and a limit on each run of the model go the same way."""
    edit(run_path, "gpp: {variance: given}", "gpp: {variance: sampled}")
    edit(run_path, "method: published", "proposals: blocks")
    text = (run_path / "config.yaml").read_text()
    options = next(line for line in text.splitlines() if "n_iterations" in line)
    edit(run_path, options, "  options: {max_runs: 30, n_draws: 60}")
    with (run_path / "config.yaml").open("a") as opened:
        opened.write("execution: {run_seconds: 60}\n")
    done = masm_command("calibrate", run_path)
    assert done.exit_code == 0, done.output
    (pixel_id,) = [int(path.name) for path in run_path.glob("pixels/*/*")]
    folder = RunFolder(run_path).pixel(pixel_id)
    found = json.loads(folder.summary.read_text())["error_scale"]
    # The errors given are those that the noise was made with. A 90 % interval misses
    # them once in ten seeds: four standard deviations of the posterior are allowed.
    sd = (found["gpp"]["q95"] - found["gpp"]["q05"]) / 3.29
    assert abs(found["gpp"]["mean"] - 1.0) < 4.0 * sd < 0.8
    assert "lai" not in found

    def collected():
        assert masm_command("collect", run_path).exit_code == 0
        with xr.open_zarr(run_path / "posteriors.zarr", chunks=None) as store:
            return store["error_scale_mean"].sel(pixel=pixel_id).load()

    assert collected().sel(error_stream="gpp") == pytest.approx(found["gpp"]["mean"])
    # A store of a version that did not know of them is made anew.
    shutil.rmtree(run_path / "posteriors.zarr" / "error_scale_mean")
    (run_path / "posteriors.zarr" / "zarr.json").write_text(
        json.dumps(
            {
                "zarr_format": 3,
                "node_type": "group",
                "attributes": {"complete": True},
            }
        )
    )
    assert collected().sel(error_stream="gpp") == pytest.approx(found["gpp"]["mean"])


def test_a_point_without_factors_is_collected_and_not_taken_for_damaged(
    run_path, edit, masm_command, small_process_model
):
    edit(run_path, "gpp: {variance: given}", "gpp: {variance: sampled}")
    edit(run_path, "method: published", "method: nelder_mead")
    text = (run_path / "config.yaml").read_text()
    options = next(line for line in text.splitlines() if "n_iterations" in line)
    edit(run_path, options, "  options: {max_runs: 120}")
    done = masm_command("calibrate", run_path)
    assert done.exit_code == 0, done.output
    assert "1 of 1 pixels (100%), 1 new" in masm_command("collect", run_path).output
    with xr.open_zarr(run_path / "posteriors.zarr", chunks=None) as store:
        assert np.isfinite(store["mean"]).all()
        assert np.isnan(store["error_scale_sd"].sel(error_stream="gpp")).all()
