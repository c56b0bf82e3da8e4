"""An exponential that the compiler can vectorise over the hours of a day.

The library function is a call, and a loop with a call in it stays scalar. This one
is plain arithmetic: argument reduction, a polynomial, and the exponent put in through
its bits. It is accurate to 2 units in the last place (tested).
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from landmodels.kernels.compile import equation

_intrinsic: Any = intrinsic

_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # 33 bits: k * high is exact
_LN2_LOW = 1.90821492927058770002e-10


@_intrinsic
def _bits_to_float(_context: Any, bits: Any) -> Any:
    signature = types.float64(types.int64)

    def codegen(_context, builder, _signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return signature, codegen


@_intrinsic
def _fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
    signature = types.float64(types.float64, types.float64, types.float64)

    def codegen(_context, builder, _signature, args):
        return builder.fma(*args)

    return signature, codegen


@equation
def exp(x):
    """``e**x``; arguments are clipped to [-708, 709], NaN stays NaN."""
    clipped = min(max(x, -708.0), 709.0)
    k = np.floor(_fma(clipped, _LOG2E, 0.5))
    r = _fma(-k, _LN2_LOW, _fma(-k, _LN2_HIGH, clipped))
    # Taylor series: the remainder on |r| <= ln(2)/2 is below 4e-18.
    p = _fma(1.0 / 6227020800.0, r, 1.0 / 479001600.0)
    p = _fma(p, r, 1.0 / 39916800.0)
    p = _fma(p, r, 1.0 / 3628800.0)
    p = _fma(p, r, 1.0 / 362880.0)
    p = _fma(p, r, 1.0 / 40320.0)
    p = _fma(p, r, 1.0 / 5040.0)
    p = _fma(p, r, 1.0 / 720.0)
    p = _fma(p, r, 1.0 / 120.0)
    p = _fma(p, r, 1.0 / 24.0)
    p = _fma(p, r, 1.0 / 6.0)
    p = _fma(p, r, 0.5)
    p = _fma(p, r * r, r)
    # 2**k with k in [-1022, 1023], through its bits.
    scale = _bits_to_float((np.int64(np.int32(k)) + 1023) << 52)
    result = _fma(scale, p, scale)
    return result if x == x else x
