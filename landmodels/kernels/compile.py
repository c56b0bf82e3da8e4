"""How a model's equations are compiled with numba, and cached on disk.

``equation`` marks a pure function of numbers. It is inlined into every loop that
calls it, so that the compiler can vectorise that loop over lanes. ``routine`` marks
a loop over lanes. ``entry_point`` compiles an outermost function.

No fast-math flag is set: with strict IEEE arithmetic the numbers of a lane are the
same bits whatever the number of lanes. ``error_model="numpy"`` lets a division by
zero give infinity, without a branch.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from landmodels.compile_cache import keep_private

keep_private()  # before numba is imported

import numba  # noqa: E402
import numpy as np  # noqa: E402
from numba.core.itanium_mangler import N2CODE, mangle_type  # noqa: E402

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
    Code of two record types, cached by two processes, can then bear one name, and
    whichever is loaded second silently runs the first one's code on its own memory.
    """
    N2CODE[numba.from_dtype(dtype)] = mangle_type(name)


def source_digest(folder: Path) -> str:
    """Digest of the source files in ``folder``, from which a kernel is compiled.

    The compiler's cache on disk watches only the file of the outermost function;
    the digest makes a change in any equation a different cache entry.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def entry_point(
    function: Callable[..., Any], folder: Path, digest: str, variant: str = ""
) -> Any:
    """Compile an outermost function with a cache on disk.

    Parameters
    ----------
    function : callable
        The outermost function of a kernel.
    folder : pathlib.Path
        The folder that holds every source file of the kernel, and nothing else.
    digest : str
        ``source_digest(folder)`` at the time of import. Sources that have changed
        since are not cached.
    variant : str
        What distinguishes two compiled forms of one function, such as the number of
        lanes.

    Notes
    -----
    The cache keeps one index for each function name and numbers the entries in it
    without a lock, so that two processes which compile two variants at once can swap
    them. The name of the copy holds the variant and the digest of the sources: each
    index then has a single entry, and a race can only write the same code twice.
    """
    middle = f"_{variant}" if variant else ""
    name = f"{function.__name__}{middle}_{digest[:16]}"
    copy = FunctionType(
        function.__code__, function.__globals__, name, function.__defaults__
    )
    copy.__qualname__ = name
    copy.__module__ = function.__module__
    unchanged = source_digest(folder) == digest
    try:
        return numba.njit(error_model="numpy", nogil=True, cache=unchanged)(copy)
    except RuntimeError as exc:  # no folder in which numba may write
        logger.warning("compiled code cannot be kept on disk: %s", exc)
        return numba.njit(error_model="numpy", nogil=True)(copy)


def is_kept(entry: Any) -> bool:
    """Return whether the cache on disk holds code of an entry point."""
    folder = entry.stats.cache_path
    return folder is not None and any(Path(folder).glob(f"*{entry.__name__}*.nbi"))
