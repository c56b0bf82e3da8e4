"""`masm.open_run`: a run folder as tables and arrays, before and after its stages."""

from __future__ import annotations

import doctest
import shutil

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import jobs.notebook.grids
import jobs.notebook.opened_run
import masm
from jobs.errors import ConfigError
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model

mpl.use("Agg")


def contents(path):
    return {p: p.stat().st_mtime_ns for p in path.rglob("*")}


def test_a_run_that_has_not_started_says_what_makes_each_part(run_path):
    before = contents(run_path)
    run = masm.open_run(str(run_path))
    assert run.config.seed == 7
    assert list(run.pixels["state"]) == ["waiting"]
    for part, command in (
        ("posteriors", "masm collect"),
        ("fit", "masm evaluate"),
        ("screening", "masm screen"),
    ):
        with pytest.raises(ConfigError, match=f"{command} {run_path}"):
            getattr(run, part)
    with pytest.raises(ConfigError, match=r"wanted  pixels\.source region"):
        run.maps  # noqa: B018
    with pytest.raises(ConfigError, match="pixel 0 has no posterior"):
        run.result(0)
    with pytest.raises(ConfigError, match="no posterior"):
        run.plot_forest()
    assert contents(run_path) == before


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        masm.open_run(tmp_path)


@pytest.mark.usefixtures("small_process_model")
def test_a_finished_run_gives_its_posteriors_scores_and_results_with_units(
    run_path, masm_command
):
    done = masm_command("run", run_path)
    assert done.exit_code in (0, 3), done.output
    run = masm.open_run(run_path)
    assert run.pixels.loc[0, "state"] in ("done", "suspect")
    assert run.pixels.attrs["units"]["minutes"] == "min"

    unit = open_model("ibis_dalec", Settings()).parameters["vmax"].unit
    posteriors = run.posteriors
    assert posteriors["vmax"].dims == ("pixel", "chain", "draw")
    assert posteriors["vmax"].attrs["units"] == unit
    assert posteriors["unit"].sel(parameter="vmax") == unit
    result = run.result("0")
    assert_allclose(
        posteriors["mean"].sel(pixel=0, parameter="vmax"),
        result.summary().loc["vmax", "mean"],
        rtol=1e-6,
    )
    assert result.summary().loc["vmax", "unit"] == unit

    fit = run.fit.set_index(["stream", "period", "parameters"])
    calibrated = fit.loc[("gpp", "calibration", "calibrated")]
    assert calibrated["unit"] == "g m-2 d-1"
    assert calibrated["rmse"] < fit.loc[("gpp", "calibration", "default"), "rmse"]
    assert run.fit.attrs["units"]["diso"] == "1"

    axes = run.plot_forest("vmax")
    assert axes[0].get_xlabel() == f"vmax ({unit})"
    with pytest.raises(ConfigError, match="not calibrated in this run"):
        run.plot_forest("vmxa")
    with pytest.raises(ConfigError, match="no posterior of pixel 5"):
        run.plot_forest("vmax", pixels=[5])
    assert "calibrate" in repr(run)
    assert "1 of 1 pixels finished" in run._repr_html_()

    shutil.rmtree(run_path / "posteriors.zarr")
    with pytest.raises(ConfigError, match="masm collect"):
        masm.open_run(run_path).posteriors  # noqa: B018


def test_names_in_the_shown_table_are_no_markup(run_path, edit):
    edit(run_path, "name: a small twin", "name: <b>twin</b>")
    assert "<b>" not in masm.open_run(run_path)._repr_html_()


def test_a_single_row_of_pixels_and_one_pixel_have_a_grid():
    for lats, lons in (([42.0], [-72.0]), ([42.0, 42.0], [-72.0, -71.9])):
        at = {"pixel": np.arange(len(lats))}
        values = xr.Dataset({"a": (("parameter", "pixel"), [np.arange(len(lats))])}, at)
        found = jobs.notebook.grids.on_grid(
            values,
            xr.DataArray(lats, dims="pixel", coords=at),
            xr.DataArray(lons, dims="pixel", coords=at),
        )
        assert found["a"].dims == ("parameter", "lat", "lon")
        assert found["a"].values[0, 0].tolist() == np.arange(len(lats)).tolist()


@pytest.mark.parametrize("module", [jobs.notebook.opened_run, jobs.notebook.grids])
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0
    assert doctest.testmod(module).attempted > 0
