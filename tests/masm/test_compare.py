"""Methods side by side: the numbers of the table, and the sentence at its end."""

import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.likelihood.gaussian import GaussianLikelihood
from masm.methods.registry import METHODS, method_of
from masm.results.comparison import COLUMNS, Comparison

N_OBS, SD = 12, 0.5
TIME = np.arange(N_OBS, dtype=float)
DESIGN = np.random.default_rng(3).normal(size=(N_OBS, 2))
TRUTH = np.array([0.6, -0.4])
PRIORS = {n: masm.TruncatedNormal(-8.0, 8.0, mean=0.0, sd=1.0) for n in ("a", "b")}


def model(theta):
    return {"gpp": np.stack([theta["a"], theta["b"]], axis=-1) @ DESIGN.T}


def stream(**changes):
    noise = np.random.default_rng(5).normal(0.0, SD, N_OBS)
    values = {"variance": masm.GivenVariance(SD**2), "windows": None, **changes}
    return {"gpp": masm.Stream("gpp", TIME, DESIGN @ TRUTH + noise, **values)}


def exact_draws(n=4000):
    precision = DESIGN.T @ DESIGN / SD**2 + np.eye(2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ DESIGN.T @ stream()["gpp"].value / SD**2
    draws = np.random.default_rng(1).multivariate_normal(mean, covariance, n)
    return {"a": draws[:, 0], "b": draws[:, 1]}


def compare(run=model, observed=None, **arguments):
    given = {"budgets": [150], "seeds": 1, **arguments}
    priors = given.pop("priors", PRIORS)
    return masm.compare(run, observed or stream(), priors, **given)


@pytest.fixture(scope="module")
def exactly():
    """Four methods against exact draws of the posterior."""
    return compare(
        methods=["4dvar", "4denvar", "cma_es", "demc"],
        budgets=[60, 400],
        seeds=2,
        reference=exact_draws(),
        n_twins=2,
    )


def test_the_table_has_a_row_for_each_method_budget_and_seed(exactly):
    table = exactly.table
    assert tuple(table.columns) == COLUMNS
    key = table[["method", "budget", "seed"]].to_numpy().tolist()
    assert key == [
        [method, budget, seed]
        for method in ("4dvar", "4denvar", "cma_es", "demc")
        for budget in (60, 400)
        for seed in (1, 2)
    ]
    made = table[table["runs"].notna()]
    assert (made["runs"] <= made["budget"]).all()
    assert (made["model_seconds"] > 0).all()
    assert (made["own_seconds"] >= 0).all()


def test_every_run_of_the_model_is_counted():
    calls = []

    def watched(theta):
        calls.append(len(theta))
        return model(theta)

    found = compare(watched, methods=["4denvar", "cma_es"])
    # One more, at the middle of the priors, before any method starts.
    assert sum(calls) == 1 + found.table["runs"].sum()


def test_the_distance_of_an_exact_method_is_that_of_its_few_draws(exactly):
    rows = exactly.summary.set_index(["method", "budget"])
    assert rows.loc[("4dvar", 400), "distance"] < 0.05
    # Prior sd is one, so the distance is that of the draws themselves.
    assert exactly.floor == pytest.approx(exactly.table["floor"].iloc[0])
    assert 0.0 < exactly.floor < 0.02


def test_a_shifted_reference_is_as_far_away_as_it_was_shifted():
    shifted = {name: draws + 0.7 for name, draws in exact_draws().items()}
    (row,) = compare(
        methods=["4dvar"], budgets=[600], reference=shifted
    ).table.itertuples()
    assert row.distance == pytest.approx(0.7, abs=0.05)
    assert row.worst_distance >= row.distance
    assert row.worst_parameter in ("a", "b")


def test_distances_do_not_depend_on_the_units_of_a_parameter():
    # Not 4dvar: it also runs exchanged parameters, where their priors are equal.
    def in_thousandths(theta):
        return model({"a": theta["a"] * 1e3, "b": theta["b"]})

    small = masm.TruncatedNormal(-8e-3, 8e-3, mean=0.0, sd=1e-3)
    exact = exact_draws()
    found = masm.compare(
        in_thousandths,
        stream(),
        {"a": small, "b": PRIORS["b"]},
        methods=["esmda"],
        budgets=[200],
        seeds=1,
        reference={"a": exact["a"] / 1e3, "b": exact["b"]},
    )
    (other,) = compare(methods=["esmda"], budgets=[200], reference=exact).table[
        "distance"
    ]
    assert found.table["distance"][0] == pytest.approx(other, rel=1e-6)


def test_a_point_has_no_distance_and_no_coverage(exactly):
    points = exactly.table[exactly.table["method"] == "cma_es"]
    assert (points["gives"] == "point").all()
    assert points[["distance", "worst_distance", "coverage"]].isna().all(axis=None)
    assert (points["twins"] == 0).all()
    assert np.isfinite(points["best_cost"]).all()


def test_a_method_that_refuses_a_budget_is_a_row_with_its_reason(exactly):
    of_chains = exactly.table[exactly.table["method"] == "demc"]
    refused = of_chains[of_chains["budget"] == 60]
    assert (refused["verdict"] == "refused").all()
    assert refused["reason"].str.contains("max_runs").all()
    numbers = refused[["runs", "best_cost", "distance", "coverage"]]
    assert numbers.isna().all(axis=None)


def test_a_method_that_breaks_is_a_row_and_the_others_go_on():
    def broken(problem, seed, *, max_runs=10):
        raise ZeroDivisionError("no step")

    method = masm.Method("broken", "Breaks.", broken, "posterior")
    found = compare(methods=[method, "4denvar"])
    assert found.table["verdict"].tolist() == ["failed", "done"]
    assert found.table["reason"][0] == "ZeroDivisionError: no step"
    assert "Use 4denvar" in found.recommendation


def test_the_longest_trusted_chain_is_the_reference():
    found = compare(
        methods={"demc": {"n_chains": 30}, "4dvar": {}},
        budgets=[3000, 12_000],
        priors={"a": (-4, 4), "b": (-4, 4)},
    )
    table = found.table
    of_chain = table[table["is_reference"]]
    assert of_chain[["method", "budget"]].to_numpy().tolist() == [["demc", 12_000]]
    assert of_chain["verdict"].tolist() == ["done"]
    assert of_chain["distance"].isna().all()
    assert found.reference.startswith(of_chain["method"].iloc[0])
    others = table[~table["is_reference"] & (table["verdict"] == "done")]
    assert len(others) > 1
    assert others["distance"].between(0.0, 0.2).all()


def test_without_a_trusted_chain_nothing_is_ranked():
    found = compare(methods=["4denvar", "4dvar"])
    assert found.reference == ""
    assert math.isnan(found.floor)
    assert found.summary["rank"].isna().all()
    assert "there is no reference" in found.recommendation


def test_a_chain_of_its_own_can_be_the_reference_and_a_short_one_is_none(caplog):
    flat = {"a": (-4, 4), "b": (-4, 4)}
    found = compare(methods=["4dvar"], budgets=[300], reference=20_000, priors=flat)
    assert found.reference.startswith("demc, ")
    assert found.table["distance"][0] < 0.1
    short = compare(methods=["4dvar"], budgets=[300], reference=2000)
    if short.reference == "":
        assert "reference chain" in caplog.text
        assert short.table["distance"].isna().all()


def test_the_same_seeds_give_the_same_numbers():
    columns = ["runs", "best_cost", "distance", "coverage"]
    one, again = (
        compare(methods=["4denvar", "cma_es"], reference=exact_draws(), n_twins=2)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.table[columns], again.table[columns])
    assert one.recommendation == again.recommendation


def test_intervals_of_an_exact_method_hold_the_truths_of_twins():
    found = compare(methods=["4dvar"], budgets=[250], n_twins=40)
    (row,) = found.table.itertuples()
    assert row.twins == 40
    # 80 parameters at 0.9: five standard errors of a fraction are 0.17.
    assert row.coverage > 0.73


def test_twins_beyond_the_limits_of_their_quantity_are_not_lost():
    """Leaf area of the whole prior: most truths are above 15, which no file may be."""
    design = np.linspace(0.5, 1.0, N_OBS)

    def leaf_area(theta):
        return {"lai": np.asarray(theta["a"])[:, None] * design}

    rule = masm.GivenVariance(0.01)
    seen = masm.Stream("lai", TIME, 5.0 * design, "m2 m-2", variance=rule, windows=None)
    found = masm.compare(
        leaf_area, {"lai": seen}, {"a": (0.0, 60.0)}, methods=["4dvar"], budgets=[150],
        seeds=1, n_twins=8,
    )  # fmt: skip
    assert found.table["twins"].tolist() == [8]


def test_twins_with_correlated_errors_have_them():
    seen = stream(errors=masm.Errors(correlation=0.6, bias_sd=0.3))["gpp"].aggregate()
    rng, likelihood = np.random.default_rng(4), GaussianLikelihood((seen,))
    drawn = np.array([likelihood.draw_errors(rng) for _ in range(20_000)])
    lag = np.abs(np.subtract.outer(np.arange(N_OBS), np.arange(N_OBS)))
    expected = SD**2 * 0.6**lag + 0.09
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.02)


@pytest.mark.parametrize("name", METHODS)
def test_with_runs_enough_a_method_has_as_many_chains_as_by_default(name):
    method = method_of(name)
    options = method.with_budget(1_000_000, 2)
    if "max_runs" in options:
        assert {**method.options, **options} == {
            **method.options,
            "max_runs": 1_000_000,
        }


@pytest.mark.parametrize(
    "name", ["metropolis", "demc", "dream", "affine", "smc", "importance", "two_phase"]
)
def test_with_few_runs_a_method_takes_fewer_chains_and_is_no_refusal(name):
    flat = {"a": (-4, 4), "b": (-4, 4)}
    (row,) = compare(methods=[name], budgets=[1000], priors=flat).table.itertuples()
    assert row.verdict in ("done", "suspect"), row.reason
    assert 500 < row.runs <= 1000
    (row,) = compare(methods=[name], budgets=[12], priors=flat).table.itertuples()
    assert row.verdict == "refused"
    assert "the budget of 12 gives max_runs=" in row.reason


@pytest.mark.parametrize("budget", [130, 500, 1700, 6000])
@pytest.mark.parametrize("d", [2, 6, 12])
@pytest.mark.parametrize("name", METHODS)
def test_options_of_a_budget_are_known_to_the_method_and_within_it(name, d, budget):
    method = method_of(name)
    options = method.with_budget(budget, d)
    method.check_options(options)
    assert all(isinstance(value, int) for value in options.values())
    if name not in ("4dvar", "published"):  # see below, and a check of its own
        assert method.expected_runs(d, {**method.options, **options}) <= budget


@pytest.mark.parametrize("name", ["4dvar", "4denvar", "esmda", "kalman_inversion"])
@pytest.mark.parametrize("budget", [60, 163, 900])
def test_a_budget_is_kept_and_used(name, budget):
    calls = []

    def watched(theta):
        calls.append(len(theta))
        return model(theta)

    (row,) = compare(watched, methods=[name], budgets=[budget]).table.itertuples()
    assert row.verdict in ("done", "suspect"), row.reason
    assert 0.4 * budget < row.runs <= budget


def test_the_published_loop_keeps_a_budget():
    for budget in (60, 400, 1104):
        options = method_of("published").with_budget(budget, 2)
        first = 2 * options["n_initial_per_parameter"]
        made = first + 5 * options["n_iterations"] + options["n_check"]
        assert budget - 5 < made <= budget


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": []}, "methods: there are none"),
        ({"methods": ["magic"]}, "unknown method 'magic'"),
        ({"methods": {"demc": {"n_chain": 4}}}, "unknown option 'n_chain'"),
        ({"methods": {"demc": {"max_runs": 4}}}, "follows from the budget"),
        ({"methods": {"esmda": {"n_members": 4}}}, "follows from the budget"),
        ({"budgets": []}, "budgets: there are none"),
        ({"budgets": [0]}, "budgets"),
        ({"budgets": [99.5]}, "budgets"),
        ({"seeds": 0}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"n_twins": -1}, "n_twins"),
        ({"reference": 0}, "reference"),
        ({"reference": "demc"}, "reference"),
        ({"reference": {"a": np.zeros(500)}}, "no draws of parameter 'b'"),
        (
            {"reference": {"a": np.zeros(500), "b": np.full(500, 9.0)}},
            "outside the prior",
        ),
        ({"reference": {"a": np.zeros(500), "b": np.zeros(5)}}, "cannot be used"),
        (
            {"reference": {"a": np.zeros(500), "b": np.full(500, np.nan)}},
            "cannot be used",
        ),
    ],
)
def test_bad_input_is_one_clear_error_before_any_run(changes, message):
    def never(theta):
        raise AssertionError("the model ran before the input was checked")

    with pytest.raises(masm.InputError, match=message):
        compare(never, **{"methods": ["4denvar"], **changes})


def test_an_output_without_the_stream_is_an_error_and_no_row():
    with pytest.raises(masm.InputError, match="unknown stream 'gpp'"):
        compare(lambda theta: {"lai": model(theta)["gpp"]}, methods=["4denvar"])


def test_a_result_that_is_suspect_is_no_reference():
    point = masm.calibrate(
        model, stream(), PRIORS, seed=1, method="nelder_mead", max_runs=100
    )
    with pytest.raises(masm.InputError, match="cannot be trusted"):
        compare(methods=["4denvar"], reference=point)


def test_a_dataset_of_chains_is_a_reference():
    draws = {n: (("chain", "draw"), d.reshape(4, -1)) for n, d in exact_draws().items()}
    found = compare(methods=["4denvar"], reference=xr.Dataset(draws))
    assert found.reference == "the draws given"
    assert np.isfinite(found.table["distance"]).all()


def rows(*entries):
    """A table with these (method, budget, verdict, distance, runs, is_reference)."""
    names = ("method", "budget", "verdict", "distance", "runs", "is_reference")
    table = pd.DataFrame(entries, columns=names)
    points = table["method"].isin(("nelder_mead", "cma_es"))
    table["gives"] = np.where(points, "point", "posterior")
    table["reason"] = np.where(table["verdict"] == "done", "", "not_converged")
    table["best_cost"] = table["runs"] / 10.0
    return table.reindex(columns=COLUMNS).assign(seed=1, twins=0)


def test_of_those_within_the_floor_the_fewest_runs_are_recommended():
    found = Comparison(
        rows(
            ("demc", 5000, "done", 0.01, 5000, False),
            ("emulator", 100, "done", 0.04, 100, False),
            ("4denvar", 50, "done", 0.2, 50, False),
            ("published", 40, "suspect", 0.01, 40, False),
        ),
        "exact draws",
        0.05,
    )
    assert found.summary["rank"].tolist()[:3] == [1.0, 1.0, 3.0]
    assert math.isnan(found.summary["rank"][3])
    assert found.recommendation.startswith("Use emulator with a budget of 100 runs")
    assert "fewest model runs of 2 choices" in found.recommendation


def test_a_method_that_is_far_off_is_not_recommended_over_the_chain_itself():
    table = rows(
        ("demc", 5000, "done", math.nan, 5000, True),
        ("4denvar", 50, "done", 0.6, 50, False),
    )
    found = Comparison(table, "demc", 0.05)
    assert found.recommendation.startswith("Use demc with a budget of 5000 runs")
    assert "longest trusted chain" in found.recommendation


def test_beyond_the_floor_the_nearest_is_recommended():
    table = rows(
        ("emulator", 100, "done", 0.10, 100, False),
        ("4denvar", 50, "done", 0.2, 50, False),
    )
    text = Comparison(table, "exact draws", 0.02).recommendation
    assert text.startswith("Use emulator")
    assert "the nearest of 2 choices" in text


def test_without_a_posterior_to_trust_the_sentence_says_so():
    table = rows(
        ("emulator", 100, "suspect", 0.1, 100, False),
        ("cma_es", 50, "suspect", math.nan, 50, False),
    )
    text = Comparison(table, "exact draws", 0.02).recommendation
    assert "raise the budget" in text
    assert "the lowest cost, 5, is of cma_es" in text


def test_one_seed_that_is_suspect_is_enough_not_to_trust():
    table = rows(
        ("emulator", 100, "done", 0.1, 100, False),
        ("emulator", 100, "suspect", 0.1, 100, False),
    )
    (row,) = Comparison(table, "exact draws", 0.02).summary.itertuples()
    assert row.verdict == "suspect: not_converged; 1 of 2 seeds"
    assert math.isnan(row.rank)


def test_the_table_is_written_whole(exactly, tmp_path):
    path = tmp_path / "methods.csv"
    exactly.to_csv(path)
    assert [one.name for one in tmp_path.iterdir()] == ["methods.csv"]
    again = pd.read_csv(path)
    assert again["method"].tolist() == exactly.table["method"].tolist()
    assert again["distance"].isna().equals(exactly.table["distance"].isna())
    assert exactly.recommendation in repr(exactly)


@pytest.mark.parametrize("name", ["4denvar", "esmda", "kalman_inversion"])
def test_the_matrices_of_an_ensemble_do_not_grow_with_the_budget_for_ever(name):
    assert method_of(name).with_budget(10_000_000, 5)["n_members"] <= 1000
