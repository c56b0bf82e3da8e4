"""Seeds, and the table of random-stream keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Seed = int | Sequence[int]


def seed_sequence(
    seed: Seed | np.random.SeedSequence, *key: int
) -> np.random.SeedSequence:
    """A stream of chance for one part of a calibration.

    The same ``seed`` and ``key`` give the same numbers on any machine, in any
    order of work: a part can be redone alone. Keys nest: the part of a part is
    ``seed_sequence(seed_sequence(seed, 2), 7)``.
    """
    if isinstance(seed, np.random.SeedSequence):
        return np.random.SeedSequence(
            entropy=seed.entropy, spawn_key=(*seed.spawn_key, *key)
        )
    return np.random.SeedSequence(entropy=seed, spawn_key=key)
