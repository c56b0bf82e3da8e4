"""The studies of methods can be made: configurations, figures, predictions."""

import signal

import numpy as np
import pandas as pd
import pytest

import masm
from benchmarks import compare, compare_tables, leave_one_out


@pytest.mark.parametrize("name", list(leave_one_out.experiments()))
def test_an_experiment_at_a_site_is_a_configuration_of_a_run(name, tmp_path):
    from jobs.config.reader import read_config

    text = leave_one_out.configuration("harvard", 1, name, "esmda", 200)
    (tmp_path / "config.yaml").write_text(text)
    config, _ = read_config(tmp_path / "config.yaml")
    left_out = config.calibration.leave_out
    hidden = [*left_out.streams, *map(str, left_out.years)]
    assert hidden == ([name.split()[1]] if name.startswith("without") else [])
    assert bool(config.model.scaling) == (name == "two factors")
    assert config.calibration.options["n_members"] == 40


def test_the_figure_of_methods_is_drawn_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"target": t, "method": m, "budget": b, "seed": 1, "gives": "posterior",
         "distance": rng.uniform(0.01, 1), "floor": 0.01, "verdict": v}
        for t in ("one-0", "two-0") for m, v in (("a", "done"), ("b", "suspect"))
        for b in (300, 2000)
    ]  # fmt: skip
    compare.draw(pd.DataFrame(rows), tmp_path / "methods.png")
    assert (tmp_path / "methods.png").stat().st_size > 5_000


def test_a_calibration_that_takes_too_long_is_a_row_with_its_reason():
    from benchmarks.targets import make

    # Wherever the time runs out: also within the model, whose errors are failed runs.
    for minutes in (0.0005, 0.001, 0.002):
        found = compare.in_time(make("gauss4"), "demc", 10**6, 1, 0, minutes)
        assert found["verdict"].tolist() == ["failed"]
        assert "CPU minutes" in found["reason"][0]
    compare.say("gauss4", found)


def test_time_that_runs_out_within_the_model_is_no_failed_run():
    def model(theta):
        signal.raise_signal(signal.SIGPROF)  # the timer ends while the model runs
        return float(theta["a"] ** 2)

    with pytest.raises(compare.TooLong, match="60 CPU minutes"), compare._limit(60):
        masm.sample_cost(model, {"a": (-1.0, 1.0)}, max_runs=20, seed=1)


def test_the_coverage_of_twins_is_over_those_of_all_seeds():
    rows = pd.DataFrame(
        {"method": ["a", "a", "b"], "budget": [9, 9, 9], "coverage": [1.0, 0.5, np.nan],
         "twins": [1, 3, 0]}
    )  # fmt: skip
    found = compare.pooled(rows)
    assert found["coverage"].tolist()[:2] == [0.625, 0.625]
    assert found["twins"].tolist() == [4, 4, 0]
    assert np.isnan(found["coverage"][2])


def test_searches_are_summed_up_by_part_and_method():
    from benchmarks import searches

    rows = [
        {"part": "rosenbrock", "method": "nelder_mead", "seed": s,
         "value": searches.found("rosenbrock", "nelder_mead", s)}
        for s in (1, 2)
    ]  # fmt: skip
    (row,) = searches.summary(pd.DataFrame(rows)).itertuples()
    assert (row.seeds, row.sum) == (2, 2.0)


def test_rows_read_back_without_any_reason_are_gone_on_from(tmp_path):
    row = {"target": "a-0", "method": "b", "budget": 9, "seed": 1, "verdict": "done",
           "reason": ""}  # fmt: skip
    pd.DataFrame([row]).to_csv(tmp_path / "rows.csv", index=False)
    read = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False, na_values=[""])
    assert compare._needless(read, "a-0", "b", 9, 1)
    assert not compare._needless(read, "a-0", "b", 9, 2)
    assert not compare._needless(read, "other", "b", 9, 1)


def test_a_table_of_the_documentation_says_who_does_not_trust_its_result(tmp_path):
    common = {"target": "one-0", "budget": 300, "gives": "posterior", "reason": "",
              "interval_mass": 0.9, "own_seconds": 0.1, "best_cost": 3.0}  # fmt: skip
    rows = [
        common | {"method": m, "seed": s, "distance": d, "verdict": v, "coverage": c,
                  "twins": n}
        for m, s, d, v, c, n in (
            ("a", 1, 0.1, "done", 1.0, 1), ("a", 2, 0.2, "suspect", 0.5, 3),
            ("b", 1, 0.3, "suspect", np.nan, 0), ("b", 2, 0.5, "suspect", np.nan, 0),
            ("c", 1, np.nan, "refused", np.nan, 0),
        )
    ]  # fmt: skip
    point = common | {"method": "d", "gives": "point", "seed": 1, "best_cost": 5.0}
    pd.DataFrame([*rows, point]).to_csv(tmp_path / "rows.csv", index=False)
    read = compare_tables.read([tmp_path / "rows.csv"])
    cells = [
        line.split(" | ")[:4]
        for line in compare_tables.distances(read).splitlines()[2:]
    ]
    assert cells == [
        ["| `a`", "0.15 [1/2]", "0.9", "0.62 (4)"],
        ["| `b`", "(0.4)", "0.9", "-"],
        ["| `c`", "refused", "0.9", "-"],
    ]
    assert compare_tables.lowest_costs(read).splitlines()[2] == "| `d` | 2 |"
