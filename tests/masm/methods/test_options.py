"""Options of a method as a value, beside options of the call."""

import numpy as np
import pytest

import masm

PRIORS = {"a": (0.0, 10.0), "b": (0.0, 10.0)}


def cost(theta):
    return ((theta - 3.0) ** 2 / 0.25).sum(axis=1)


def test_options_set_on_a_method_are_those_of_the_call():
    short = masm.method_of("importance").with_options(max_runs=800)
    set_before = masm.sample_cost(cost, PRIORS, seed=1, method=short)
    in_the_call = masm.sample_cost(
        cost, PRIORS, seed=1, method="importance", max_runs=800
    )
    assert set_before.n_model_runs == in_the_call.n_model_runs <= 800
    for name in PRIORS:
        np.testing.assert_array_equal(
            set_before.posterior[name], in_the_call.posterior[name]
        )


def test_the_call_has_the_last_word_and_the_table_is_not_changed():
    short = masm.method_of("importance").with_options(max_runs=800)
    assert short.options["max_runs"] == 800
    assert masm.method_of("importance").options["max_runs"] != 800
    again = short.with_options(max_runs=900)
    assert again.options["max_runs"] == 900
    result = masm.sample_cost(cost, PRIORS, seed=1, method=short, max_runs=600)
    assert result.n_model_runs <= 600


def test_an_unknown_option_is_refused_at_once():
    with pytest.raises(masm.InputError, match="max_rnus"):
        masm.method_of("importance").with_options(max_rnus=400)
