"""A differentiable model through the command line: 4DVar, and what each stream says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import masm

CONFIG = """
name: a small twin of two types
seed: 5
pixels:
  {source: generated, name: x, latitude: 52.0, longitude: 10.0, elevation: 340,
   sand: 60, clay: 10, years: 2001-2004}
periods: {spinup: 2001, calibration: 2002-2003, validation: 2004}
model:
  name: dalec_bethy
  spinup_cycles: 0
  options: {vegetation: {EvCn: 0.7, EShr: 0.3}, overpass_hours: {sif: 13}}
streams:
  gpp: {variance: given}
  sif: {variance: given}
  lvod: {variance: given}
  ssm: {variance: given}
  fapar: {variance: given}
twin:
  truth: random
  noise:
    gpp: {fraction: 0.1, floor: 0.3}
    sif: {fraction: 0.2, floor: 0.02}
    lvod: {fraction: 0.2, floor: 0.04}
    ssm: {fraction: 0.1, floor: 0.03}
    fapar: {fraction: 0.1, floor: 0.05}
calibration:
  method: 4dvar
  options: {n_starts: 2, n_draws: 80, derivatives: exact}
  blocks:
    - streams: [gpp, sif, lvod, ssm, fapar]
      parameters: [vm.EvCn, lma.EvCn, cfol0.EvCn, vm.EShr, aw.EvCn, v0, sif_scale]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from typer.testing import CliRunner

    from jobs.cli.app import app

    path = tmp_path_factory.mktemp("adjoint") / "run"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG)
    reported = CliRunner().invoke(app, ["run", str(path), "--executor", "serial"])
    assert reported.exit_code in (0, 3), reported.output
    return path


def test_a_run_follows_the_exact_gradient_and_reports_its_search(run):
    (path,) = run.glob("pixels/*/*/summary.json")
    summary = json.loads(path.read_text())
    minimum = summary["minimum"]
    assert minimum["derivatives"] == "exact"
    assert minimum["n_gradients"] > 5
    assert minimum["collapsed"] == ""
    assert "iterations" in minimum["minimum_report"]
    (posterior,) = run.glob("pixels/*/*/posterior.nc")
    found = masm.open_result(posterior)
    assert set(found.posterior) >= {"vm.EvCn", "v0", "sif_scale"}
    # Half the squared misfit of a twin is about half the number of observations.
    n_obs = sum(v.size for v in found.groups["observed_data"].data_vars.values())
    assert minimum["minimum_cost"] < 0.75 * n_obs
    assert (run / "report.html").exists()


def test_information_writes_tables_a_figure_and_json(run, masm_command):
    reported = masm_command("information", run, "--derivatives", "exact")
    assert reported.exit_code == 0, reported.output
    assert "uncertainty reduction of targets" in reported.output
    targets = pd.read_csv(run / "information" / "targets.csv")
    streams = ("gpp", "sif", "lvod", "ssm", "fapar")
    experiments = {"all", *(f"without {name}" for name in streams)}
    assert set(targets["experiment"]) == experiments
    assert {"gpp", "nep", "et", "vegetation_carbon", "soil_carbon"} <= set(
        targets["target"]
    )
    wide = targets.pivot(index="target", columns="experiment", values="posterior_sd")
    for name in experiments:
        assert np.all(wide["all"] <= wide[name] * (1.0 + 1e-9))
    rows = pd.read_csv(run / "information" / "parameters.csv")
    rows = rows.set_index(["experiment", "parameter"])
    # The scale of fluorescence is seen by fluorescence alone.
    assert rows.loc[("all", "sif_scale"), "reduction"] > 0.9
    assert rows.loc[("without sif", "sif_scale"), "reduction"] < 1e-6
    assert (run / "figures" / "information.png").stat().st_size > 10_000
    facts = json.loads(masm_command("information", run, "--json").stdout)
    assert set(facts) == {"parameters", "targets", "streams"}
    masm_command("report", run)
    assert "What each stream is worth" in (run / "report.html").read_text()


def test_differences_say_the_same_as_the_adjoint(run, masm_command):
    exact = pd.read_csv(run / "information" / "targets.csv")
    reported = masm_command("information", run, "--derivatives", "differences")
    assert reported.exit_code == 0, reported.output
    near = pd.read_csv(run / "information" / "targets.csv")
    assert set(near["derivatives"]) == {"differences"}
    np.testing.assert_allclose(near["reduction"], exact["reduction"], atol=5e-3)


def test_what_cannot_be_is_one_clear_error(run_path, masm_command, edit, tmp_path):
    reported = masm_command("information", run_path)
    assert reported.exit_code == 2
    assert "no pixel has been calibrated" in reported.output
    reported = masm_command("information", run_path, "--derivatives", "adjoint")
    assert reported.exit_code == 2
    assert "--derivatives" in reported.output
    for old, new, word in (
        ("EvCn: 0.7", "EvCn: 0.6", "sum"),
        ("EvCn: 0.7", "Oak: 0.7", "Oak"),
        ("sif: 13", "sif: 24", "overpass_hours"),
        ("sif: 13", "gpp: 13", "overpass_hours"),
    ):
        path = tmp_path / word
        path.mkdir(exist_ok=True)
        (path / "config.yaml").write_text(CONFIG.replace(old, new))
        reported = masm_command("check", path)
        assert reported.exit_code == 2, reported.output
        assert word in reported.output


def test_exact_derivatives_of_a_model_without_them_are_refused(
    run_path, masm_command, edit, small_process_model
):
    edit(run_path, "method: published", "method: 4dvar")
    text = (run_path / "config.yaml").read_text()
    (at,) = [line for line in text.splitlines() if "n_iterations" in line]
    edit(run_path, at, "  options: {n_draws: 60}")
    assert masm_command("calibrate", run_path).exit_code == 0
    reported = masm_command("information", run_path, "--derivatives", "exact")
    assert reported.exit_code == 2
    assert "no exact derivatives" in reported.output
    reported = masm_command("information", run_path)
    assert reported.exit_code == 0, reported.output
