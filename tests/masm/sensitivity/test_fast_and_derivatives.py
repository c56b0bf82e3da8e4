"""eFAST against closed forms; derivatives as bounds; one at a time exactly."""

from __future__ import annotations

import numpy as np
import pytest

import masm

ISHIGAMI_FIRST = [0.3139, 0.4424, 0.0]
ISHIGAMI_TOTAL = [0.5576, 0.4424, 0.2437]
WEIGHTS = np.array([0.0, 1.0, 4.5, 9.0])  # Sobol's g-function


def ishigami(theta):
    y = np.sin(theta["a"]) + 7.0 * np.sin(theta["b"]) ** 2
    y = y + 0.1 * theta["c"] ** 4 * np.sin(theta["a"])
    return {"y": np.repeat(y[:, None], 2, axis=1)}


def g_function(theta):
    x = np.column_stack([theta[f"x{k}"] for k in range(4)])
    y = np.prod((np.abs(4.0 * x - 2.0) + WEIGHTS) / (1.0 + WEIGHTS), axis=1)
    return {"y": np.repeat(y[:, None], 2, axis=1)}


def g_indices():
    partial = 1.0 / (3.0 * (1.0 + WEIGHTS) ** 2)
    whole = np.prod(1.0 + partial) - 1.0
    total = [p * np.prod(np.delete(1.0 + partial, k)) for k, p in enumerate(partial)]
    return partial / whole, np.array(total) / whole


ANGLES = masm.Priors({name: masm.Uniform(-np.pi, np.pi) for name in "abc"})
CUBE = masm.Priors({f"x{k}": masm.Uniform(0.0, 1.0) for k in range(4)})


def of(effects, name):
    return effects[name].sel(stream="y", statistic="annual").to_numpy()


@pytest.mark.parametrize("seed", range(3))
def test_efast_has_the_closed_forms(seed):
    found = masm.fourier_effects(
        ishigami, ANGLES, seed=seed, streams=["y"], n_per_curve=4000
    )
    np.testing.assert_allclose(of(found, "first"), ISHIGAMI_FIRST, atol=0.03)
    np.testing.assert_allclose(of(found, "total"), ISHIGAMI_TOTAL, atol=0.05)
    found = masm.fourier_effects(
        g_function, CUBE, seed=seed, streams=["y"], n_per_curve=4000
    )
    first, total = g_indices()
    np.testing.assert_allclose(of(found, "first"), first, atol=0.03)
    np.testing.assert_allclose(of(found, "total"), total, atol=0.05)


def test_parameters_that_act_together_alone_are_selected():
    def product(theta):
        y = (theta["x0"] - 0.5) * (theta["x1"] - 0.5)
        return {"y": np.repeat(y[:, None], 2, axis=1)}

    found = masm.fourier_effects(product, CUBE, seed=0, streams=["y"])
    assert of(found, "first").max() < 0.05
    np.testing.assert_array_equal(of(found, "effect")[:2], of(found, "total")[:2])
    np.testing.assert_array_equal(of(found, "effect")[2:], of(found, "first")[2:])
    chosen = masm.select(found, statistics=["annual"], threshold=0.3)
    assert set(chosen.parameters) == {"x0", "x1"}


@pytest.mark.parametrize("seed", range(3))
def test_what_leaks_into_all_totals_selects_nothing(seed):
    """A curve that bends has harmonics among the fast frequencies of the others."""
    cube = masm.Priors({f"x{k}": masm.Uniform(0.0, 1.0) for k in range(20)})

    def bent(theta):
        return {"y": np.repeat((1.0 / (0.1 + theta["x3"]))[:, None], 2, axis=1)}

    found = masm.fourier_effects(bent, cube, seed=seed, streams=["y"])
    assert np.sort(of(found, "total"))[-2] > 0.03
    assert masm.select(found, statistics=["annual"]).parameters == ("x3",)


@pytest.mark.parametrize("lost", [0, 256])  # the first run of its curve, the last
def test_a_curve_with_a_failed_run_has_no_index(lost):
    done = 0

    def model(theta):
        nonlocal done
        answer = ishigami(theta)
        number = np.arange(done, done + len(theta["a"]))
        answer["y"][number == 257 + lost] = np.nan
        done += len(theta["a"])
        return answer

    effects = masm.fourier_effects(
        model, ANGLES, seed=0, streams=["y"], n_per_curve=257
    )
    np.testing.assert_array_equal(np.isnan(of(effects, "first")), [False, True, False])


def test_too_few_points_and_constraints_are_refused():
    with pytest.raises(masm.InputError, match="n_per_curve"):
        masm.fourier_effects(ishigami, ANGLES, seed=0, streams=["y"], n_per_curve=64)
    with pytest.raises(masm.InputError, match="step"):
        masm.derivative_effects(ishigami, ANGLES, seed=0, streams=["y"], step=0.2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("model", "priors", "total"),
    [(ishigami, ANGLES, ISHIGAMI_TOTAL), (g_function, CUBE, g_indices()[1])],
)
def test_derivatives_bound_the_total_index(model, priors, total, seed):
    found = masm.derivative_effects(
        model, priors, seed=seed, streams=["y"], n_points=1000
    )
    assert (of(found, "bound") >= np.array(total) * 0.9).all()


def test_derivatives_of_a_line_are_exact():
    def line(theta):
        return {"y": (theta["a"] - 3.0 * theta["b"])[:, None] * np.ones(2)}

    found = masm.derivative_effects(line, ANGLES, seed=0, streams=["y"])
    want = (2.0 * np.pi) ** 2 * np.array([1.0, 9.0, 0.0])
    np.testing.assert_allclose(of(found, "mean_square"), want, rtol=1e-9)


def test_one_at_a_time_is_the_exact_change():
    found = masm.one_at_a_time(
        ishigami, ANGLES, at={"a": 1.0}, streams=["y"], n_levels=4
    )
    at = {"a": 1.0, "b": 0.0, "c": 0.0}
    base = ishigami({k: np.array([v]) for k, v in at.items()})["y"][0, 0]
    assert float(found["output"].sel(stream="y", statistic="annual")) == base
    for name in "abc":
        for level in range(4):
            value = float(found["value"].sel(parameter=name)[level])
            moved = {k: np.array([v]) for k, v in (at | {name: value}).items()}
            change = found["change"].sel(stream="y", statistic="annual", parameter=name)
            want = ishigami(moved)["y"][0, 0] - base
            assert float(change[level]) == pytest.approx(want, abs=1e-12)
    with pytest.raises(masm.InputError, match="outside its prior"):
        masm.one_at_a_time(ishigami, ANGLES, at={"a": 9.0}, streams=["y"])
    with pytest.raises(masm.InputError, match="no parameter 'd'"):
        masm.one_at_a_time(ishigami, ANGLES, at={"d": 9.0}, streams=["y"])
