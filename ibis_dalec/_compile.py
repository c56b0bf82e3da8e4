"""How the model's equations are compiled.

``equation`` marks a pure function of numbers. It is inlined into every loop that
calls it, so that the compiler can vectorise that loop over lanes. ``routine``
marks a loop over the lanes of a workspace (see :mod:`ibis_dalec.workspace`).

No fast-math flag is set: strict IEEE arithmetic makes a lane's numbers the same
bit for bit whatever the lane count, and keeps :func:`ibis_dalec.maths.exp` exact
(``fastmath`` silently removes the rounding step of such functions).
``error_model="numpy"`` lets a division by zero give infinity, without a branch.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core.itanium_mangler import N2CODE, mangle_type

logger = logging.getLogger(__name__)


def equation(function: Callable[..., Any]) -> Any:
    """Compile a pure function of numbers, always inlined."""
    return numba.njit(error_model="numpy", forceinline=True, nogil=True)(function)


def routine(function: Callable[..., Any]) -> Any:
    """Compile a loop over lanes."""
    return numba.njit(error_model="numpy", nogil=True)(function)


def name_record(dtype: np.dtype, name: str) -> None:
    """Give a record type a name of its own in compiled code.

    numba itself names it by the number that the type happens to have in the process.
    Code of two lane widths, cached by two processes, can then bear one name, and
    whichever is loaded second silently runs the first one's code on its own memory.
    """
    N2CODE[numba.from_dtype(dtype)] = mangle_type(name)


#: Modules that the kernel does not compile; any other file counts as an equation.
_NOT_COMPILED = {
    "__init__", "blocks", "errors", "forcing", "outputs", "parameters", "prepare",
    "simulate", "task",
}  # fmt: skip


def source_digest() -> str:
    """Digest of the source files that the kernel is compiled from.

    The compiler's cache on disk watches only the file of the outermost function;
    the digest makes a change in any equation a different cache entry.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in _NOT_COMPILED:
            digest.update(path.read_bytes())
    return digest.hexdigest()


_DIGEST = source_digest()


def entry_point(function: Callable[..., Any], lanes: int) -> Any:
    """Compile an outermost function for one lane width, with a cache on disk.

    The cache keeps one index for each function name and numbers the entries in it
    without a lock, so that two processes which compile two widths at once can swap
    them. The name of the copy holds the width and the digest of the sources: each
    index then has a single entry, and a race can only write the same code twice.
    Sources that change while they are being imported are not cached. What the
    entry point calls is told apart by the name of its workspace (``name_record``).
    """
    name = f"{function.__name__}_{lanes}_{_DIGEST[:16]}"
    copy = FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__
    )
    copy.__qualname__ = name
    copy.__module__ = function.__module__
    unchanged = source_digest() == _DIGEST
    try:
        return numba.njit(error_model="numpy", nogil=True, cache=unchanged)(copy)
    except RuntimeError as exc:  # no folder in which numba may write
        logger.warning("compiled code cannot be kept on disk: %s", exc)
        return numba.njit(error_model="numpy", nogil=True)(copy)
