"""Exponential, logarithm and powers: accuracy, NaN, and the same bits in a loop.

The functions are called as the model calls them: inlined into a compiled loop over
lanes that the compiler vectorises, and one by one.
"""

import math
import re
from decimal import Decimal, localcontext

import numpy as np
import pytest

from ibis_dalec.physics import vector_math as maths
from ibis_dalec.physics.compile import routine
from ibis_dalec.physics.workspace import new_workspace

#: Units in the last place.
ULP = 2.0
_DIGITS = 60


@routine
def exp_of(x, out):
    for i in range(x.shape[0]):
        out[i] = maths.exp(x[i])


@routine
def log_of(x, out):
    for i in range(x.shape[0]):
        out[i] = maths.log(x[i])


@routine
def power_of(x, y, out):
    for i in range(x.shape[0]):
        out[i] = maths.power(x[i], y[i])


@routine
def lanes_exp(w):
    """The loop as the kernel has it: over the lanes of a workspace."""
    for lane in range(w.lai.shape[0]):
        w.su[lane] = maths.exp(w.lai[lane])
        w.sg[lane] = maths.log(w.sai[lane])


def looped(loop, *arguments):
    out = np.empty(arguments[0].shape)
    loop(*arguments, out)
    return out


def errors_in_ulp(found, exact):
    """Errors against exact Decimals in units of the exact value's last place."""
    return np.array(
        [
            float(abs(Decimal(float(a)) - b) / Decimal(math.ulp(float(b))))
            for a, b in zip(found, exact, strict=True)
        ]
    )


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(20220901)


@pytest.fixture(scope="module")
def exponents(rng):
    edges = [0.0, -0.0, 1e-300, -1e-17, 1e-9, math.log(2) / 2, -math.log(2) / 2,
             -707.9, 708.9]  # fmt: skip
    return np.concatenate(
        [edges, rng.uniform(-707.0, 708.0, 1500), rng.uniform(-1.0, 1.0, 1500),
         rng.uniform(-40.0, 0.0, 1000)]
    )  # fmt: skip


@pytest.fixture(scope="module")
def positives(rng):
    edges = [1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0), 2.0, 0.5,
             math.sqrt(2.0), np.nextafter(2.0**0.5, 2.0), 1e-307, 1e300]  # fmt: skip
    return np.concatenate(
        [edges, np.exp(rng.uniform(-600.0, 600.0, 1500)), rng.uniform(0.5, 2.0, 1500),
         1.0 + rng.uniform(-1e-3, 1e-3, 1000)]
    )  # fmt: skip


def test_exp_is_right_to_two_units_in_the_last_place(exponents):
    with localcontext() as context:
        context.prec = _DIGITS
        exact = [Decimal(float(x)).exp() for x in exponents]
        assert errors_in_ulp(looped(exp_of, exponents), exact).max() <= ULP


def test_log_is_right_to_two_units_in_the_last_place(positives):
    with localcontext() as context:
        context.prec = _DIGITS
        exact = [Decimal(float(x)).ln() for x in positives]
        found = looped(log_of, positives)
        assert found[0] == 0.0
        assert errors_in_ulp(found[1:], exact[1:]).max() <= ULP


def test_power_loses_only_what_its_logarithm_carries(rng):
    """The error of ``y log x`` is a relative error of the power."""
    x = np.exp(rng.uniform(-14.0, 0.0, 1000))
    y = rng.uniform(-12.0, 12.0, 1000)
    found = looped(power_of, x, y)
    with localcontext() as context:
        context.prec = _DIGITS
        for a, b, c in zip(x, y, found, strict=True):
            exponent = Decimal(float(b)) * Decimal(float(a)).ln()
            error = abs(Decimal(float(c)) / exponent.exp() - 1)
            assert float(error) <= 2.3e-16 * (ULP + 2.0 * abs(float(exponent)))


def test_exp_and_log_undo_each_other(exponents):
    back = looped(log_of, looped(exp_of, exponents))
    assert np.abs(back - exponents).max() <= 4e-16 * 708.0


def test_whole_powers(rng):
    for x in (0.0, 1.0, *rng.uniform(-2.0, 2.0, 20)):
        for n in range(16):
            # A product of n factors is right to about n half units.
            assert maths.integer_power(x, float(n)) == pytest.approx(
                x**n, rel=4e-15, abs=0.0
            )


def test_a_vectorised_loop_gives_the_bits_of_a_single_call(exponents, positives, rng):
    y = rng.uniform(-12.0, 12.0, positives.size)
    some = np.clip(positives, 1e-9, 1e9)
    cases = (
        (looped(exp_of, exponents), [maths.exp(x) for x in exponents]),
        (looped(log_of, positives), [maths.log(x) for x in positives]),
        (
            looped(power_of, some, y),
            [maths.power(a, b) for a, b in zip(some, y, strict=True)],
        ),
    )
    for in_loop, single in cases:
        np.testing.assert_array_equal(in_loop, np.array(single))
    # Loop tails: the same numbers at other places of the vector.
    for start in range(1, 9):
        np.testing.assert_array_equal(
            looped(exp_of, exponents[start:]), cases[0][0][start:]
        )


@pytest.mark.parametrize("lanes", [1, 16])
def test_a_loop_over_lanes_gives_the_bits_of_a_single_call(lanes, rng):
    w = new_workspace(lanes)
    x = w[0]
    x["lai"][:] = rng.uniform(-30.0, 30.0, lanes)
    x["sai"][:] = rng.uniform(0.01, 30.0, lanes)
    lanes_exp(w[0])
    np.testing.assert_array_equal(x["su"], [maths.exp(v) for v in x["lai"]])
    np.testing.assert_array_equal(x["sg"], [maths.log(v) for v in x["sai"]])


@pytest.mark.parametrize("loop", [exp_of, log_of], ids=["exp", "log"])
def test_a_loop_is_vectorised(loop):
    """What these functions are for: the compiled loop holds vectors of doubles."""
    looped(loop, np.ones(4))
    (code,) = loop.inspect_llvm().values()
    assert re.search(r"= fmul <\d+ x double>", code)


def test_nan_stays_nan():
    x = np.array([np.nan, 1.0, np.nan, 2.0])
    for loop in (exp_of, log_of):
        np.testing.assert_array_equal(np.isnan(looped(loop, x)), np.isnan(x))
    np.testing.assert_array_equal(
        np.isnan(looped(power_of, x, np.ones(4))), np.isnan(x)
    )
    np.testing.assert_array_equal(
        np.isnan(looped(power_of, np.ones(4), x)), np.isnan(x)
    )
    assert math.isnan(maths.clip(np.nan, 0.0, 1.0))
    assert math.isnan(maths.log(-1.0))


def test_exp_saturates_and_never_overflows():
    assert maths.exp(-1e9) == maths.exp(-708.0) < 1e-307
    assert maths.exp(-np.inf) == maths.exp(-708.0)
    assert np.isfinite(maths.exp(1e9))
    assert maths.exp(np.inf) == maths.exp(709.0) > 1e307
    assert maths.exp(0.0) == 1.0


def test_clip_keeps_what_is_inside():
    assert [maths.clip(x, 0.0, 1.0) for x in (-1.0, 0.0, 0.3, 1.0, 2.0)] == [
        0.0, 0.0, 0.3, 1.0, 1.0,
    ]  # fmt: skip
