"""``masm compare`` on the smallest run: table, figure, sentence, refusals."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from jobs.cli.compare import _one_pixel
from jobs.errors import ConfigError
from jobs.figures.methods import draw_methods
from jobs.run.pixel import Pixel
from masm.results.comparison import COLUMNS

QUICK = ("--methods", "4dvar,cma_es,demc", "--budget", "60,120", "--seeds", 1)


@pytest.fixture
def compared(run_path, masm_command, small_process_model):
    def call(*words):
        return masm_command("compare", run_path, *words)

    return call


def test_a_comparison_leaves_a_table_and_a_figure(run_path, compared):
    reported = compared(*QUICK)
    assert reported.exit_code == 0, reported.output
    table = pd.read_csv(run_path / "comparison" / "methods.csv")
    assert list(table.columns) == ["pixel", *COLUMNS]
    assert table["method"].tolist() == ["4dvar"] * 2 + ["cma_es"] * 2 + ["demc"] * 2
    assert table["budget"].tolist() == [60, 120] * 3
    # Whether so few runs of 4dvar are to be trusted depends on the seed.
    assert set(table["verdict"][:2]) <= {"done", "suspect"}
    assert table["verdict"][2:].tolist() == ["suspect"] * 2 + ["refused"] * 2
    (figure,) = (run_path / "figures").glob("methods_*.png")
    assert figure.stat().st_size > 10_000
    assert ("Use 4dvar" in reported.output) == ("done" in set(table["verdict"]))
    assert {one.name for one in (run_path / "comparison").iterdir()} == {"methods.csv"}


def test_json_has_the_rows_and_the_recommendation_and_nothing_else(compared):
    reported = compared(*QUICK, "--json", "--twins", 1)
    assert reported.exit_code == 0, reported.output
    facts = json.loads(reported.stdout)
    done = any(row["verdict"] == "done" for row in facts["rows"])
    assert facts["recommendation"].startswith("Use 4dvar") == done
    assert facts["floor"] is None
    assert [row["runs"] is None for row in facts["rows"]] == [False] * 4 + [True] * 2
    assert facts["summary"][0]["twins"] == 1


def test_the_first_calibration_is_the_run_s_own(run_path, compared, masm_command, edit):
    edit(run_path, "method: published", "method: 4denvar")
    text = (run_path / "config.yaml").read_text()
    (at,) = [line for line in text.splitlines() if "n_iterations" in line]
    edit(run_path, at, "  options: {n_members: 28, n_rounds: 1}")
    assert compared("--methods", "4denvar", "--budget", 60, "--seeds", 2).exit_code == 0
    table = pd.read_csv(run_path / "comparison" / "methods.csv")
    assert masm_command("calibrate", run_path).exit_code == 0
    (path,) = run_path.glob("pixels/*/*/posterior.nc")
    import masm

    runs = masm.open_result(path).groups["runs"]
    assert table["best_cost"][0] == pytest.approx(float(runs["cost"].min()), rel=1e-5)
    assert table["best_cost"][0] != table["best_cost"][1]


def test_a_chain_of_the_model_is_the_reference(run_path, compared):
    reported = compared("--methods", "4dvar", "--budget", 250, "--seeds", 1,
                    "--reference", 12_000)  # fmt: skip
    assert reported.exit_code == 0, reported.output
    (row,) = pd.read_csv(run_path / "comparison" / "methods.csv").itertuples()
    assert 0.0 < row.floor < 0.1
    assert 0.0 < row.distance < 0.1
    assert "distances in prior sd, from demc, " in reported.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--methods", "emulator,demcc"), 'Did you mean "demc"?'),
        (("--methods", ","), "--methods"),
        (("--budget", "two"), "--budget"),
        (("--budget", "-5"), "--budget"),
        (("--pixel", "77"), "no such pixel"),
    ],
)
def test_what_cannot_be_compared_is_said_and_nothing_is_started(
    run_path, compared, words, message
):
    reported = compared(*words)
    assert reported.exit_code == 2
    assert message in reported.output
    assert [one.name for one in run_path.iterdir()] == ["config.yaml"]


def test_rows_of_other_pixels_stay_in_the_table(run_path, compared):
    assert compared(*QUICK).exit_code == 0
    path = run_path / "comparison" / "methods.csv"
    table = pd.read_csv(path)
    pd.concat([table.assign(pixel=41), table]).to_csv(path, index=False)
    assert compared("--methods", "4denvar", "--budget", 60, "--seeds", 1).exit_code == 0
    assert pd.read_csv(path)["pixel"].tolist() == [41] * 6 + [0]


def test_a_damaged_table_is_put_aside(run_path, compared):
    assert compared(*QUICK).exit_code == 0
    path = run_path / "comparison" / "methods.csv"
    path.write_text("what, is\nthis, all, about\n")
    assert compared(*QUICK).exit_code == 0
    assert len(pd.read_csv(path)) == 6
    assert len(list(path.parent.iterdir())) == 2


def test_the_figure_is_drawn_where_nothing_came_of_any_method(tmp_path):
    table = pd.DataFrame([{"method": "demc", "budget": 9, "seed": 1}])
    table = table.reindex(columns=COLUMNS).assign(verdict="refused", reason="few")
    draw_methods(table, tmp_path / "methods.png", title="nothing")
    assert (tmp_path / "methods.png").stat().st_size > 5_000


def test_of_many_pixels_one_has_to_be_named():
    pixels = [Pixel(k, f"place {k}", 42.0, -72.0, 3.0, 60.0, 10.0) for k in (3, 8)]
    run = SimpleNamespace(pixels=pixels)
    assert _one_pixel(run, "8").id == 8
    with pytest.raises(ConfigError, match=r"(?s)one pixel.*2 pixels.*--pixel ID"):
        _one_pixel(run, None)


def test_seconds_in_a_process_of_its_own_are_the_model_s(run_path, compared):
    with (run_path / "config.yaml").open("a") as opened:
        opened.write("execution: {run_seconds: 60}\n")
    assert compared("--methods", "4denvar", "--budget", 60, "--seeds", 1).exit_code == 0
    (row,) = pd.read_csv(run_path / "comparison" / "methods.csv").itertuples()
    assert row.verdict in ("done", "suspect")
    # Most of the time a process is started and waited for, which is no work of ours.
    assert row.model_seconds > 0.0


def test_inputs_that_cannot_be_used_are_the_user_s_to_repair(run_path, compared, edit):
    edit(run_path, "gpp: {variance: given}", "gpp: {variance: 0.0}")
    reported = compared(*QUICK)
    assert reported.exit_code == 2
    assert not (run_path / "comparison").exists()


def test_a_stopped_comparison_does_not_claim_to_be_saved(compared, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.stages.compare_methods.compare_pixel", stopped)
    reported = compared(*QUICK)
    assert reported.exit_code == 75
    assert (
        "nothing of this comparison is kept. Start again with: masm" in reported.output
    )
