"""Seeds, and the table of random-stream keys.

Every generator of ``masm`` comes from ``seed_sequence(seed, *key)``, whose keys are
spawn keys: unlike ``numpy.random.default_rng([seed, 5])`` and ``[seed, 5, 0]``, which
are the same stream for numpy, ``key=(5,)`` and ``key=(5, 0)`` are two.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

Seed = int | Sequence[int]


class Stream(IntEnum):
    """First key of each random stream of a calibration.

    A step of the calibration has its number, 0, 1, ...; the streams of the whole
    calibration come far behind. Methods number their own streams below the step.
    """

    SCORES_OF_ASSEMBLY = 1_000_000
    PREDICTIVE = 2_000_000
    ERROR_SCALE = 3_000_000
    COMPARISON_REFERENCE = 4_000_000
    COMPARISON_TWIN = 5_000_000
    REPLICATED = 6_000_000


class ScreeningStream(IntEnum):
    """First key of each random stream of a sensitivity analysis."""

    TRAJECTORIES = 0
    RESAMPLING = 1
    SOBOL = 2
    FOURIER = 3
    DERIVATIVES = 4
    SUMS_OF_SQUARES = 5


class PublishedStream(IntEnum):
    """Keys below a step, of the published loop."""

    DESIGN = 0
    FIRST_STAGE = 1
    SECOND_STAGE = 2
    CHECK = 3


def seed_sequence(
    seed: Seed | np.random.SeedSequence, *key: int
) -> np.random.SeedSequence:
    """Random stream of one part of a calibration.

    The same ``seed`` and ``key`` give the same numbers on any machine, in any
    order of work: a part can be redone alone. Keys nest: the part of a part is
    ``seed_sequence(seed_sequence(seed, 2), 7)``.
    """
    if isinstance(seed, np.random.SeedSequence):
        return np.random.SeedSequence(
            entropy=seed.entropy, spawn_key=(*seed.spawn_key, *key)
        )
    return np.random.SeedSequence(entropy=seed, spawn_key=key)
