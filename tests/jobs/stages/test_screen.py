"""``masm screen`` with the linear model: resumable, of files, with a stated choice."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.run.run import open_run
from jobs.stages.screen import selection_of

pytestmark = pytest.mark.usefixtures("small_process_model")


def morris(path):
    with xr.open_dataset(path / "screening" / "morris.nc", engine="h5netcdf") as opened:
        return opened.load()


@pytest.fixture
def screened(masm_command, run_path, edit):
    edit(run_path, "calibration:\n", "screening: {trajectories: 4}\ncalibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 0, result.output
    return run_path, result.output


def test_screening_finds_the_two_parameters_of_the_model(screened):
    path, shown = screened
    effects = morris(path)
    assert effects.sizes["parameter"] == 33
    at = {"statistic": "annual", "pixel": 0}
    gpp = effects["mu_star"].sel(at, drop=True).sel(stream="gpp").to_series()
    assert list(gpp.index[gpp > 1e-9]) == ["vmax"]
    lai = effects["mu_star"].sel(at, drop=True).sel(stream="lai").to_series()
    assert list(lai.index[lai > 1e-9]) == ["p18"]
    chosen = selection_of(open_run(path).config, effects)
    assert chosen.parameters == ("vmax", "p18")
    assert "vmax" in shown
    table = pd.read_csv(path / "screening" / "selection.csv")
    assert set(table.loc[table["selected"], "parameter"]) == {"vmax", "p18"}
    drawn = pd.read_csv(path / "figures" / "screening.csv")
    np.testing.assert_allclose(
        drawn.groupby(["pixel", "stream"])["share"].sum(), 1.0, rtol=1e-5
    )


def test_a_second_call_runs_nothing_and_another_design_runs_anew(
    screened, masm_command, edit, monkeypatch
):
    path, _ = screened
    before = morris(path)
    (kept,) = (path / "screening" / "pixels").glob("*/0.nc")
    stamp = kept.stat().st_mtime_ns
    assert masm_command("screen", path).exit_code == 0
    assert kept.stat().st_mtime_ns == stamp
    xr.testing.assert_identical(morris(path), before)
    edit(path, "trajectories: 4", "trajectories: 5")
    assert masm_command("screen", path).exit_code == 0
    assert int(morris(path)["n_trajectories"].sum()) == 5
    assert kept.stat().st_mtime_ns == stamp  # the other design's is left alone


def test_a_pixel_without_a_working_model_is_reported_and_not_hidden(
    masm_command, run_path, monkeypatch
):
    import ibis_dalec

    def broken(*arguments, **options):
        raise ArithmeticError("the leaves fell off")

    whole = ibis_dalec.simulate
    monkeypatch.setattr(ibis_dalec, "simulate_batch", broken)
    monkeypatch.setattr(ibis_dalec, "simulate", whole)
    result = masm_command("screen", run_path)
    assert result.exit_code == 2
    assert "no pixel could be screened" in result.stderr
    (why,) = run_path.glob("screening/pixels/*/failed_0.txt")
    assert "the leaves fell off" in why.read_text()


def test_unknown_parameters_of_the_users_lists_are_refused(
    masm_command, run_path, edit
):
    edit(run_path, "calibration:\n", "screening: {include: [vmx]}\ncalibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 2
    assert 'Did you mean "vmax"?' in result.stderr


def test_sobol_indices_are_kept_beside_the_effects(masm_command, run_path, edit):
    rule = "screening: {trajectories: 4, sobol_pixels: 1, sobol_base: 16}\n"
    edit(run_path, "calibration:\n", rule + "calibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 0, result.output
    (path,) = run_path.glob("screening/pixels/*/sobol_16.csv")
    table = pd.read_csv(path).set_index(["stream", "statistic", "parameter"])
    assert table.loc[("gpp", "annual", "vmax"), "total"] == pytest.approx(1.0, abs=0.3)
    assert table.loc[("gpp", "annual", "p18"), "total"] == 0.0


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("{method: sobol, sobol_base: 64}", "sobol"),
        ("{method: sums_of_squares, products: screened}", "sums_of_squares"),
        ("{method: fast, curve: 65}", "fast"),
        ("{method: derivatives, points: 8}", "derivatives"),
    ],
)
def test_other_methods_find_the_same_parameters_in_the_same_form(
    masm_command, run_path, edit, rule, name
):
    edit(run_path, "calibration:\n", f"screening: {rule}\ncalibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 0, result.output
    assert f"{name}.nc" in result.output
    path = run_path / "screening" / f"{name}.nc"
    with xr.open_dataset(path, engine="h5netcdf") as opened:
        effects = opened.load()
    assert effects["effect"].dims[:1] == ("pixel",)
    common = {"effect", "effect_conf", "n_used", "n_dropped", "n_failed_runs"}
    assert common <= set(effects.data_vars)
    assert set(effects["units"].to_numpy()) == {"1", "g m-2 d-1"}
    assert effects.attrs["method"] == name
    chosen = selection_of(open_run(run_path).config, effects)
    assert chosen.parameters == ("vmax", "p18")
    assert (run_path / "figures" / "screening.png").exists()


def test_too_few_draws_are_refused_with_both_numbers(masm_command, run_path, edit):
    rule = "screening: {method: sums_of_squares, draws: 500}\n"
    edit(run_path, "calibration:\n", rule + "calibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 2
    assert "500 draws" in result.stderr
    assert "1686 or more" in result.stderr
    assert not (run_path / "screening").exists()


def test_an_unknown_method_is_refused(masm_command, run_path, edit):
    edit(run_path, "calibration:\n", "screening: {method: moris}\ncalibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 2
    assert "screening.method" in result.stderr


def test_chosen_parameters_alone_are_looked_at_within_their_bounds(
    masm_command, run_path, edit
):
    rule = "screening: {trajectories: 4, parameters: [vmax, p17], bounds: %s}\n"
    edit(
        run_path, "calibration:\n", rule % "{vmax: [2.0e-5, 4.0e-5]}" + "calibration:\n"
    )
    assert masm_command("screen", run_path).exit_code == 0
    narrow = morris(run_path)
    assert list(narrow["parameter"].to_numpy()) == ["vmax", "p17"]
    edit(run_path, "[2.0e-5, 4.0e-5]", "[2.0e-5, 6.0e-5]")
    assert masm_command("screen", run_path).exit_code == 0
    at = {"stream": "gpp", "statistic": "annual", "parameter": "vmax"}
    assert float(morris(run_path)["effect"].sel(at).mean()) == pytest.approx(
        2 * float(narrow["effect"].sel(at).mean())
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{parameters: [vmx]}", 'Did you mean "vmax"?'),
        ("{bounds: {vmax: [0.0, 1.0]}}", "low < high within"),
        ("{parameters: [vmax], include: [p17]}", "which is not looked at"),
        ("{threshold: 5}", "screening.threshold"),
    ],
)
def test_a_bad_choice_is_one_clear_error(masm_command, run_path, edit, rule, said):
    edit(run_path, "calibration:\n", f"screening: {rule}\ncalibration:\n")
    result = masm_command("screen", run_path)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (run_path / "screening").exists()
