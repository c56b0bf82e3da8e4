"""Keys of the random streams of an upscaling: ``[seed, key]``.

Streams of one parameter are ``[seed, checksum of its name, key]``; no key of theirs is
zero, since numpy takes ``[s, 5]`` and ``[s, 5, 0]`` for the same seed.
"""

from enum import IntEnum


class SharedStream(IntEnum):
    """Streams that all parameters share."""

    SPLITS = 1
    SHAP_PIXELS = 2


class ParameterStream(IntEnum):
    """Streams of each parameter."""

    COMPARED_MAPS = 1
    SECOND_DRAFT = 2
