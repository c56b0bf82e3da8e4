"""A swath run: one window of a synthetic region, on footprints larger than a cell."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from jobs.config.swath import read_swath
from jobs.inputs.swath import make_twin

CONFIG = """
name: Synthetic two by two
seed: 4
swath:
  grid: {latitude: 50, longitude: 10, rows: 2, columns: 2, elevation: 300,
         years: 2001-2002, vegetation: [EvCn, EShr]}
  streams:
    ssm:
      every_days: 5
      utc: 5.5
      footprint: {kind: ellipse, semi_major_km: 22, semi_minor_km: 15}
      fraction: 0.1
      floor: 0.03
    fapar:
      every_days: 8
      utc: 23.5
      footprint: {kind: cells, size: 2}
      fraction: 0.1
      floor: 0.05
    sif:
      every_days: 8
      utc: 12.5
      footprint: {kind: quadrilateral, length_km: 14, width_km: 7}
      fraction: 0.2
      floor: 0.02
  truth_spread: 0.5
  minimiser: {max_evaluations: 40, cost_tolerance: 1.0e-6}
  withhold: false
execution: {workers: 1}
"""


def write(path, text=CONFIG):
    path.mkdir(exist_ok=True)
    (path / "config.yaml").write_text(text)
    return path


def test_footprints_are_spread_over_cells_and_the_region_is_the_seed_s(tmp_path):
    config = read_swath(write(tmp_path / "run"))
    one, again = make_twin(config), make_twin(config)
    np.testing.assert_array_equal(one.observations.value, again.observations.value)
    looks = np.bincount(one.observations.of)
    assert looks[one.observations.stream == "fapar"].tolist() == [4] * int(
        (one.observations.stream == "fapar").sum()
    )
    assert looks[one.observations.stream == "ssm"].max() > 1
    weights = np.bincount(one.observations.of, one.observations.weight)
    np.testing.assert_allclose(weights, 1.0)
    problem = one.problem()
    # Types share process parameters, cells have pools of their own.
    assert problem.n == 2 * 17 + 4 * 2 * 6 + 1
    rng = np.random.default_rng(1)
    x = 0.5 * one.truth
    v, w = rng.standard_normal(problem.n), rng.standard_normal(one.clean.size)
    assert problem.jvp(x, v) @ w == pytest.approx(problem.vjp(x, w) @ v, rel=1e-9)
    np.testing.assert_allclose(problem.jacobian(x) @ v, problem.jvp(x, v), rtol=1e-8)


def test_a_swath_run_leaves_tables_and_is_not_done_twice(tmp_path, masm_command):
    path = write(tmp_path / "run")
    reported = masm_command("check", path)
    assert reported.exit_code == 0, reported.output
    assert "control vector of 83 elements" in reported.output
    reported = masm_command("run", path)
    assert reported.exit_code == 0, reported.output
    facts = json.loads((path / "swath" / "experiment_0.json").read_text())
    assert facts["cost"] < facts["cost_prior"]
    assert abs(facts["cost"] - facts["half_observations"]) < 0.25 * facts["cost"]
    assert "synthetic" in facts["made_of"]
    assert facts["memory_mb"] > 0
    rows = pd.read_csv(path / "swath" / "controls.csv")
    assert np.all((rows["reduction"] > -1e-9) & (rows["reduction"] < 1.0))
    before = (path / "swath" / "experiment_0.json").stat().st_mtime_ns
    again = masm_command("swath", path, "--json")
    assert json.loads(again.stdout)["experiments"][0]["cost"] == facts["cost"]
    assert (path / "swath" / "experiment_0.json").stat().st_mtime_ns == before
    reported = masm_command("calibrate", path)
    assert reported.exit_code == 2
    assert "a swath run" in reported.output


def test_a_swath_run_ends_with_a_report_of_its_numbers(tmp_path, masm_command):
    text = CONFIG.replace("withhold: false", "withhold: true")
    path = write(tmp_path / "run", text.replace("Synthetic two", "<b>Two</b>"))
    reported = masm_command("report", path)
    assert reported.exit_code == 2
    assert "nothing to report yet" in reported.output
    assert "assimilate  0 of 4 experiments done" in masm_command("status", path).output
    reported = masm_command("run", path)
    assert reported.exit_code == 0, reported.output
    assert "report.html" in reported.output
    page = (path / "report.html").read_text()
    assert "&lt;b&gt;Two&lt;/b&gt;" in page
    assert "<b>Two" not in page
    assert "Synthetic: weather" in page
    targets = pd.read_csv(path / "swath" / "targets.csv").set_index("target")
    gpp = targets.loc["gpp"].iloc[0]
    assert f"{gpp['value']:.4g}" in page
    assert f"{gpp['reduction']:.0%}" in page
    facts = json.loads((path / "swath" / "experiment_1.json").read_text())
    assert f"{facts['misfit']['ssm']:.2f}" in page
    for href in re.findall(r'href="([^"#:]+)"', page):
        assert (path / href).exists(), href
    said = masm_command("status", path).output
    assert "4 of 4 experiments done" in said
    assert "report      done" in said
    (path / "report.html").unlink()
    assert masm_command("report", path).exit_code == 0
    assert (path / "report.html").exists()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("floor: 0.03", "floor: -0.03", "floor"),
        ("utc: 5.5", "utc: 25", "utc"),
        ("    ssm:", "    ndvi:", "streams"),
        ("[EvCn, EShr]", "[Oak]", "Oak"),
        ("years: 2001-2002", "years: 2001", "spinup_years"),
        ("kind: ellipse", "kind: circle", "footprint"),
    ],
)
def test_what_cannot_be_is_one_clear_error(tmp_path, masm_command, old, new, word):
    path = write(tmp_path / "run", CONFIG.replace(old, new))
    for command in ("check", "run"):
        reported = masm_command(command, path)
        assert reported.exit_code == 2, reported.output
        assert word in reported.output


def test_footprints_that_all_lie_outside_are_refused(tmp_path, masm_command):
    text = CONFIG.replace("semi_major_km: 22, semi_minor_km: 15",
                          "semi_major_km: 300, semi_minor_km: 300")  # fmt: skip
    for stream in ("fapar", "sif"):
        start = text.index(f"    {stream}:")
        end = text.index("floor:", start)
        end = text.index("\n", end) + 1
        text = text[:start] + text[end:]
    reported = masm_command("check", write(tmp_path / "run", text))
    assert reported.exit_code == 2
    assert "outside the grid" in reported.output


def test_the_template_is_a_swath_run(tmp_path, masm_command):
    assert masm_command("init", tmp_path / "r", "--template", "swath").exit_code == 0
    config = read_swath(tmp_path / "r")
    assert config.experiments[0] == "all"
    assert len(config.experiments) == 5
