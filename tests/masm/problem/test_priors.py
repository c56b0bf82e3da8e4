import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import masm
from masm.problem.priors import as_priors

ALL = {
    "uniform": masm.Uniform(-2.0, 3.0),
    "log": masm.LogUniform(1e-4, 1e-1),
    "normal": masm.TruncatedNormal(0.0, 10.0, mean=9.0, sd=2.0),
    "beta": masm.Beta(1.0, 5.0, a=2.0, b=5.0),
}


@given(st.sampled_from(sorted(ALL)), st.floats(0.0, 1.0))
def test_cdf_and_quantile_are_inverse_and_stay_inside_the_bounds(name, u):
    prior = ALL[name]
    value = prior.quantile(u)
    assert prior.low <= value <= prior.high
    assert prior.cdf(value) == pytest.approx(u, abs=1e-9)


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_bounds_are_the_ends_of_the_cube(name):
    prior = ALL[name]
    assert prior.quantile([0.0, 1.0]) == pytest.approx([prior.low, prior.high])


def test_a_uniform_point_of_the_cube_has_the_prior_as_its_distribution():
    u = np.random.default_rng(3).random(20_000)
    normal, log = ALL["normal"], ALL["log"]
    cut = stats.truncnorm(-4.5, 0.5, loc=9.0, scale=2.0)
    assert stats.kstest(normal.quantile(u), cut.cdf).pvalue > 0.01
    assert np.mean(np.log10(log.quantile(u))) == pytest.approx(-2.5, abs=0.02)
    assert np.mean(ALL["beta"].quantile(u)) == pytest.approx(1 + 4 * 2 / 7, abs=0.02)


def test_beta_with_unit_shapes_is_uniform():
    u = np.linspace(0.0, 1.0, 11)
    flat = masm.Beta(2.0, 6.0, a=1.0, b=1.0)
    assert flat.quantile(u) == pytest.approx(masm.Uniform(2.0, 6.0).quantile(u))


def test_the_default_is_the_middle_unless_given():
    priors = masm.Priors({"a": (0.0, 4.0), "b": masm.Uniform(0.0, 4.0, default=1.0)})
    assert priors.defaults == {"a": 2.0, "b": 1.0}
    assert masm.LogUniform(1e-4, 1.0).default_value == pytest.approx(1e-2)


def test_the_whole_table_goes_to_the_cube_and_back():
    priors = masm.Priors(ALL)
    u = np.random.default_rng(1).random((50, 4))
    theta = priors.from_unit(u)
    assert theta.names == tuple(ALL)
    assert priors.to_unit(theta) == pytest.approx(u, abs=1e-9)


def test_priors_from_a_parameter_table():
    table = pd.DataFrame(
        {"default": [0.06, 60.0], "min": [1e-4, 10.0], "max": [0.1, 200.0]},
        index=["p5", "p18"],
    ).assign(unit=["d-1", "g m-2"])
    priors = masm.Priors.from_table(table, ["p18", "p5"])
    assert priors.names == ("p18", "p5")
    assert priors["p5"] == masm.Uniform(1e-4, 0.1, default=0.06, units="d-1")
    with pytest.raises(masm.InputError, match="p99"):
        masm.Priors.from_table(table, ["p99"])


def test_a_constraint_keeps_what_obeys_it():
    priors = masm.Priors({"a": (0.0, 1.0), "b": (0.0, 2.0)}, [masm.below("a", "b")])
    theta = masm.Samples([[0.5, 0.4], [0.5, 0.6]], ["a", "b"])
    assert priors.allowed(theta).tolist() == [False, True]
    with pytest.raises(masm.InputError, match="unknown parameter"):
        masm.Priors({"a": (0.0, 1.0)}, [masm.below("a", "c")])


@pytest.mark.parametrize(
    "entry",
    [
        (2.0, 1.0),
        (1.0, 1.0),
        (0.0, np.nan),
        (0.0, np.inf),
        (1.0,),
        "wide",
        masm.LogUniform(0.0, 1.0),
        masm.Uniform(0.0, 1.0, default=3.0),
        masm.TruncatedNormal(0.0, 1.0, mean=0.5, sd=0.0),
        masm.TruncatedNormal(0.0, 1.0),
        masm.Beta(0.0, 1.0, a=-1.0, b=1.0),
    ],
)
def test_a_bad_prior_is_refused_by_name(entry):
    with pytest.raises(masm.InputError, match=r"priors\.vmax"):
        as_priors({"vmax": entry})


def test_priors_must_be_a_mapping_with_something_in_it():
    with pytest.raises(masm.InputError, match="not a mapping"):
        as_priors([(0.0, 1.0)])
    with pytest.raises(masm.InputError, match="none"):
        as_priors({})
