"""Exponential, logarithm and powers that the compiler can vectorise over lanes.

The library functions are calls, and a loop with a call in it stays scalar. These
are plain arithmetic: argument reduction, a polynomial, and the exponent put in
through its bits. Accuracy over the range that the model uses (tested): 2 units
in the last place for ``exp`` and ``log``.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ibis_dalec.physics.compile import equation

_intrinsic: Any = intrinsic

_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: k * high is exact
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476


@_intrinsic
def _bits_to_float(_context: Any, bits: Any) -> Any:
    signature = types.float64(types.int64)

    def codegen(_context, builder, _signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return signature, codegen


@_intrinsic
def _float_to_bits(_context: Any, value: Any) -> Any:
    signature = types.int64(types.float64)

    def codegen(_context, builder, _signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return signature, codegen


@_intrinsic
def fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` with one rounding, one instruction."""
    signature = types.float64(types.float64, types.float64, types.float64)

    def codegen(_context, builder, _signature, args):
        return builder.fma(*args)

    return signature, codegen


@equation
def exp(x):
    """``e**x``; arguments are clipped to [-708, 709], NaN stays NaN."""
    clipped = min(max(x, -708.0), 709.0)
    k = np.floor(fma(clipped, _LOG2E, 0.5))
    r = fma(-k, _LN2_LOW, fma(-k, _LN2_HIGH, clipped))
    # Taylor series: the remainder on |r| <= ln(2)/2 is below 4e-18.
    p = fma(1.0 / 6227020800.0, r, 1.0 / 479001600.0)
    p = fma(p, r, 1.0 / 39916800.0)
    p = fma(p, r, 1.0 / 3628800.0)
    p = fma(p, r, 1.0 / 362880.0)
    p = fma(p, r, 1.0 / 40320.0)
    p = fma(p, r, 1.0 / 5040.0)
    p = fma(p, r, 1.0 / 720.0)
    p = fma(p, r, 1.0 / 120.0)
    p = fma(p, r, 1.0 / 24.0)
    p = fma(p, r, 1.0 / 6.0)
    p = fma(p, r, 0.5)
    p = fma(p, r * r, r)
    # 2**k with k in [-1022, 1023], through its bits.
    scale = _bits_to_float((np.int64(np.int32(k)) + 1023) << 52)
    result = fma(scale, p, scale)
    return result if x == x else x


@equation
def log(x):
    """Natural logarithm of a positive normal number (0 gives about -709)."""
    bits = _float_to_bits(x)
    exponent = np.float64(np.int32(bits >> 52) - 1023)
    mantissa = _bits_to_float((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000)
    high = mantissa > 2.0 * _SQRT_HALF
    mantissa = 0.5 * mantissa if high else mantissa
    exponent = exponent + 1.0 if high else exponent
    # log(m) = 2 artanh(s) with s = (m - 1)/(m + 1), |s| <= 0.1716
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = fma(1.0 / 23.0, z, 1.0 / 21.0)
    p = fma(p, z, 1.0 / 19.0)
    p = fma(p, z, 1.0 / 17.0)
    p = fma(p, z, 1.0 / 15.0)
    p = fma(p, z, 1.0 / 13.0)
    p = fma(p, z, 1.0 / 11.0)
    p = fma(p, z, 1.0 / 9.0)
    p = fma(p, z, 1.0 / 7.0)
    p = fma(p, z, 1.0 / 5.0)
    p = fma(p, z, 1.0 / 3.0)
    half_square = 0.5 * f * f
    # f - (f**2/2 - s (f**2/2 + 2 z p)): exact leading term, small correction
    log_mantissa = f - (half_square - s * fma(2.0 * z, p, half_square))
    result = fma(exponent, _LN2_HIGH, fma(exponent, _LN2_LOW, log_mantissa))
    return result if x >= 0.0 else np.nan


@equation
def power(x, y):
    """``x**y`` for positive ``x``."""
    return exp(y * log(x))


@equation
def integer_power(x, n):
    """``x**n`` for a whole number ``0 <= n <= 15`` given as a float."""
    k = np.int32(n)
    x2 = x * x
    x4 = x2 * x2
    x8 = x4 * x4
    result = x if (k & 1) != 0 else 1.0
    result = result * (x2 if (k & 2) != 0 else 1.0)
    result = result * (x4 if (k & 4) != 0 else 1.0)
    return result * (x8 if (k & 8) != 0 else 1.0)


@equation
def clip(x, low, high):
    """Keep ``x`` within [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x
