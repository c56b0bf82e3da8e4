"""Options of a method as an object: the same calibration as by keywords."""

import dataclasses
import inspect
import pickle

import numpy as np
import pytest

import masm
from masm import options
from masm.methods.generate_options import TARGET, class_name, options_source
from masm.methods.registry import all_methods
from masm.options import DemcOptions, ImportanceOptions, NelderMeadOptions


def line(theta):
    day = np.arange(30.0)
    return {"gpp": theta["a"][:, None] + theta["b"][:, None] * day / 30.0}


SEEN = masm.Stream(
    "gpp", np.arange(30.0), 2.0 + np.arange(30.0) / 30.0,
    variance=masm.GivenVariance(0.04), windows=None,
)  # fmt: skip
PRIORS = {"a": (0.0, 5.0), "b": (-3.0, 3.0)}


def calibrated(**given):
    return masm.calibrate(line, {"gpp": SEEN}, PRIORS, seed=3, n_predictive=0, **given)


def test_the_classes_are_those_of_the_registry():
    assert TARGET.read_text(encoding="utf-8") == options_source(), (
        "a method changed: python -m masm.methods.generate_options"
    )


@pytest.mark.parametrize("method", all_methods(), ids=lambda method: method.name)
def test_fields_are_the_options_of_the_method_with_its_defaults(method):
    made = getattr(options, class_name(method.name))()
    assert (made.method, dataclasses.asdict(made)) == (method.name, method.options)
    assert made.changed() == {}


def test_an_object_calibrates_as_keywords_do_and_names_its_method():
    by_keyword = calibrated(method="importance", max_runs=1000)
    by_object = calibrated(options=ImportanceOptions(max_runs=1000))
    assert by_object.attrs["method"] == "importance"
    for name in PRIORS:
        np.testing.assert_array_equal(
            by_object.posterior[name], by_keyword.posterior[name]
        )


def test_a_cost_takes_an_object_too():
    given = NelderMeadOptions(max_runs=60, n_starts=1)
    found = masm.sample_cost(
        lambda t: (t**2).sum(axis=1), PRIORS, seed=1, options=given
    )
    assert (found.attrs["method"], found.n_model_runs <= 60) == ("nelder_mead", True)


def test_a_comparison_takes_objects_beside_names():
    methods = ["importance", NelderMeadOptions(n_starts=2)]
    made = masm.compare(
        line, {"gpp": SEEN}, PRIORS, methods=methods, budgets=[300], seeds=1
    )
    assert made.table["method"].tolist() == ["importance", "nelder_mead"]
    with pytest.raises(masm.InputError, match="follows from the budget"):
        masm.compare(
            line, {"gpp": SEEN}, PRIORS, budgets=[300],
            methods=[NelderMeadOptions(max_runs=50)],
        )  # fmt: skip


def test_options_of_a_method_can_be_set_by_an_object():
    short = masm.method_of("demc").with_options(DemcOptions(n_chains=8), max_runs=500)
    assert short.options == {"max_runs": 500, "n_chains": 8}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: DemcOptions(n_chain=4), 'Did you mean "n_chains"?'),
        (lambda: calibrated(method="demc", n_chain=4), 'Did you mean "n_chains"?'),
        (lambda: calibrated(windws=None), 'Did you mean "windows"?'),
        (lambda: calibrated(method="smc", options=DemcOptions()), "another method"),
        (
            lambda: calibrated(options=DemcOptions(n_chains=8), n_chains=9),
            "option 'n_chains' is given twice",
        ),
        (lambda: calibrated(options=40), "masm.options.EmulatorOptions"),
        (
            lambda: masm.screen(line, PRIORS, seed=1, streams=["gpp"], window=None),
            "wanted  one of variance, windows, errors",
        ),
    ],
)
def test_a_wrong_option_is_named_with_the_right_one(call, said):
    with pytest.raises(masm.InputError) as reported:
        call()
    assert said in str(reported.value)


def test_an_object_is_frozen_and_goes_to_another_process():
    given = ImportanceOptions(max_runs=1000)
    with pytest.raises(dataclasses.FrozenInstanceError):
        given.max_runs = 3
    assert pickle.loads(pickle.dumps(given)) == given  # noqa: S301 - our own


def test_a_method_of_ones_own_takes_a_mapping():
    def sample(problem, seed, *, n_points: int = 8):
        base = masm.method_of("importance").sample
        return base(problem, seed, max_runs=50 * n_points, batch_size=50)

    own = dataclasses.replace(masm.method_of("importance"), name="own", sample=sample)
    assert calibrated(method=own, options={"n_points": 6}).n_model_runs == 300
    assert "options" in inspect.signature(masm.calibrate).parameters
