"""The compiled kernels, with their cache on disk."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

from landmodels.kernels.compile import entry_point, is_kept, source_digest

logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "kernel"
_DIGEST = source_digest(_FOLDER)
KERNELS = ("forward", "tangent", "adjoint")


@cache
def kernel(name: str) -> Any:
    """Return the kernel ``forward``, ``tangent`` or ``adjoint``.

    It compiles when it is first called, once on a machine, and says so, since that
    takes a while; later processes read the cache.
    """
    from landmodels.dalec_bethy.kernel import generated

    entry = entry_point(getattr(generated, name), _FOLDER, _DIGEST)
    if not is_kept(entry):
        logger.warning(
            "compiling DALEC-BETHY (%s), once on this machine: some ten seconds", name
        )
    return entry
