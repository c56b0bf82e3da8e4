"""How the equations of the model are compiled.

The decorators are those of all process models (:mod:`landmodels.kernels.compile`).
The cache of compiled code is that of the sources in this folder, which therefore
holds every compiled file and nothing else.

Strict IEEE arithmetic also keeps :func:`ibis_dalec.physics.vector_math.exp` exact:
``fastmath`` silently removes the rounding step of such functions.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from landmodels.kernels import compile as kernels
from landmodels.kernels.compile import equation, name_record, routine

__all__ = ["entry_point", "equation", "name_record", "routine"]

FOLDER = Path(__file__).parent
_DIGEST = kernels.source_digest(FOLDER)


def entry_point(function: Callable[..., Any], lanes: int) -> Any:
    """Compile an outermost function for one lane width, with a cache on disk.

    What the entry point calls is distinguished by the name of its workspace
    (``name_record``).
    """
    return kernels.entry_point(function, FOLDER, _DIGEST, str(lanes))
