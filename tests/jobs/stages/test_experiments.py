"""Experiments as options of a run: what is left out, treated, scaled or swept."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from jobs.config.process_model import model_of
from jobs.report.sections import experiments
from jobs.run.run import open_run

pytestmark = pytest.mark.usefixtures("small_process_model")

ESMDA = "method: esmda\n  options: {n_members: 40}\n"
PUBLISHED = (
    "method: published\n"
    "  options: {n_iterations: 6, n_draws: 4000, n_steps: 1000, "
    "n_initial_per_parameter: 15}\n"
)
TWO_BLOCKS = (
    "    - streams: [gpp]\n      parameters: [vmax]\n"
    "    - streams: [lai]\n      parameters: [p18]\n"
)
ONE_BLOCK = "    - streams: [gpp, lai]\n      parameters: [vmax, p18]\n"


@pytest.fixture
def quick(run_path, edit):
    """A run of a quick method over two calibration years."""
    edit(run_path, PUBLISHED, ESMDA)
    edit(run_path, "years: 2001-2003", "years: 2001-2004")
    edit(run_path, "calibration: 2002, validation: 2003",
         "calibration: 2002-2003, validation: 2004")  # fmt: skip
    return run_path


def calibrated(masm_command, path):
    result = masm_command("calibrate", path)
    assert result.exit_code == 0, result.output
    return masm.open_result(open_run(path).folder.pixel(0).posterior)


def test_years_and_streams_left_out_are_not_fitted_but_scored(
    masm_command, quick, edit
):
    edit(quick, "  blocks:", "  leave_out: {streams: [lai], years: [2003]}\n  blocks:")
    result = calibrated(masm_command, quick)
    seen = result.groups["observed_data"]
    assert set(seen.data_vars) == {"gpp"}
    times = next(v for v in seen["gpp"].coords.values() if v.dtype.kind == "M")
    assert set(times.dt.year.to_numpy()) == {2002}
    # LAI alone informs p18, so that its posterior is its prior.
    prior = float(masm.Uniform(30, 120).quantile(0.75) - 75.0)
    assert float(result.sd["p18"]) > 0.3 * prior
    for command in ("simulate", "evaluate"):
        assert masm_command(command, quick).exit_code == 0
    scores = pd.read_csv(next(quick.glob("evaluation/**/*scores*.csv")))
    found = set(zip(scores["stream"], scores["period"], strict=True))
    assert ("lai", "left_out") in found
    assert ("gpp", "left_out") in found
    assert ("gpp", "calibration") in found
    assert ("lai", "calibration") not in found
    facts = dict(experiments(open_run(quick).config))
    assert facts["streams left out"] == "lai"
    assert facts["years left out"] == "2003"
    report = masm_command("report", quick)
    assert report.exit_code == 0, report.output
    assert "years left out" in (quick / "report.html").read_text()


def test_a_treated_stream_is_named_in_the_result(masm_command, quick, edit):
    edit(quick, "gpp: {variance: given}",
         "gpp: {variance: given, treatment: remove_mean, errors: {correlation: 0.3}, "
         "discrepancy: {sd: 0.3, days: 40}}")  # fmt: skip
    result = calibrated(masm_command, quick)
    assert result.attrs["treatment_gpp"].startswith("remove_mean")
    for part in ("AR(1) 0.3", "model discrepancy sd 0.3 over 40 days", "remove_mean"):
        assert part in result.attrs["errors_gpp"]
    assert len(experiments(open_run(quick).config)) == 3


def test_a_second_sweep_goes_through_the_blocks_again(masm_command, quick, edit):
    edit(quick, ONE_BLOCK, TWO_BLOCKS)
    once = calibrated(masm_command, quick)
    path = quick.with_name("twice")
    path.mkdir()
    (path / "config.yaml").write_text((quick / "config.yaml").read_text())
    edit(path, "  blocks:", "  sweeps: 2\n  blocks:")
    twice = calibrated(masm_command, path)
    assert twice.n_model_runs > 1.8 * once.n_model_runs
    stages = [str(s) for s in twice.groups["fit"]["stage"].to_numpy()]
    assert "after block 2 of sweep 1" in stages
    assert float(twice.mean["p18"]) == pytest.approx(90.0, abs=3.0)


def test_a_scaling_factor_moves_its_group_and_keeps_the_ratios(
    masm_command, quick, edit
):
    edit(quick, "model: {spinup_cycles: 1}",
         "model: {spinup_cycles: 1, scaling: "
         "{canopy: {parameters: [vmax, p18], low: 0.7, high: 1.3}}}")  # fmt: skip
    edit(quick, "parameters: [vmax, p18]\n", "parameters: [canopy]\n")
    config = open_run(quick).config
    table = model_of(config).parameters
    vmax, p18 = table["vmax"].default, table["p18"].default
    edit(quick, "truth: {vmax: 5.0e-5, p18: 90}", "truth: {canopy: 1.2}")
    result = calibrated(masm_command, quick)
    assert float(result.mean["canopy"]) == pytest.approx(1.2, abs=0.02)
    model = model_of(open_run(quick).config)
    seen = {}

    def inner(theta):
        seen.update({name: np.asarray(v) for name, v in dict(theta).items()})
        return xr.Dataset()

    from jobs.process_models.scaled import ScaledCalibrationModel

    ScaledCalibrationModel(inner, model._defaults, model.groups)(
        masm.Samples([[0.8], [1.25]], ["canopy"])
    )
    np.testing.assert_allclose(seen["vmax"], vmax * np.array([0.8, 1.25]))
    np.testing.assert_allclose(seen["p18"] / seen["vmax"], p18 / vmax)
    assert masm_command("simulate", quick).exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  blocks:", "  leave_out: {years: [2004]}\n  blocks:", "a year of the cal"),
        ("  blocks:", "  leave_out: {years: [2002, 2003]}\n  blocks:", "years left"),
        ("  blocks:", "  leave_out: {streams: [gppp]}\n  blocks:", '"gppp"'),
        ("  blocks:", "  leave_out: {streams: [gpp, lai]}\n  blocks:", "every stream"),
        ("  blocks:", "  leave_out: {sites: [0]}\n  blocks:", "pooled or hier"),
        ("  blocks:", "  sweeps: 2\n  blocks:", "2 sweeps of one posterior"),
        ("gpp: {variance: given}", "gpp: {variance: given, treatment: anomaly}",
         "anomalies"),
        ("gpp: {variance: given}", "gpp: {variance: given, discrepancy: {sd: 0}}",
         "discrepancy"),
        ("gpp: {variance: given}",
         "gpp: {variance: given, errors: {distribution: student, correlation: 0.5}}",
         "independent errors"),
        ("gpp: {variance: given}",
         "gpp: {variance: sampled, errors: {distribution: student}}",
         "unknown size"),
        ("gpp: {variance: given}",
         "gpp: {variance: given, errors: {every: 2, effective_share: 0.5}}", "twice"),
        ("gpp: {variance: given}",
         "gpp: {variance: given, errors: {distribution: cauchy}}", "distribution"),
        ("spinup_cycles: 1", "spinup_cycles: 1, scaling: {s: {parameters: [p3]}}",
         "no block calibrates"),
        ("spinup_cycles: 1", "spinup_cycles: 1, scaling: {s: {parameters: [vmx]}}",
         "vmax"),
        ("spinup_cycles: 1",
         "spinup_cycles: 1, scaling: {s: {parameters: [vmax], low: 1e-9}}",
         "within its range"),
        ("spinup_cycles: 1", "spinup_cycles: 1, scaling: {vmax: {parameters: [p18]}}",
         "name of a parameter"),
    ],
)  # fmt: skip
def test_an_experiment_that_cannot_be_made_is_one_clear_error(
    masm_command, quick, edit, old, new, said
):
    edit(quick, old, new)
    result = masm_command("calibrate", quick)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not (quick / "pixels").exists()


def test_approximate_errors_of_a_treatment_are_said_in_the_result(
    masm_command, run_path, edit
):
    edit(run_path, PUBLISHED, ESMDA)
    edit(run_path, "gpp: {variance: given}",
         "gpp: {variance: given, treatment: seasonal_cycle}")  # fmt: skip
    edit(run_path, "lai: {variance: given}",
         "lai: {variance: given, treatment: divide_mean}")  # fmt: skip
    assert masm_command("calibrate", run_path).exit_code == 0
    result = masm.open_result(open_run(run_path).folder.pixel(0).posterior)
    assert "approximate errors" in result.attrs["treatment_lai"]
