"""Splitting pixels for validation: at random, and by blocks of land.

Neighbours resemble each other, so a random split flatters a map where no sample is
near (Roberts et al. 2017, Ecography 40, 913-929). Blocks are squares of a stated size
on an equal-area plane; whole blocks go to a fold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from upscale.errors import InputError
from upscale.types import Floats

Ints = NDArray[np.int64]

KM_PER_DEGREE = 111.195  # of a great circle, mean radius 6371.0 km
BLOCK_SIZES = (200.0, 100.0, 50.0, 25.0, 10.0)  # km, tried in this order
_BLOCKS_PER_FOLD = 4


def plane(latitude: Floats, longitude: Floats) -> Floats:
    """Places on an equal-area plane (place, 2), km east and north.

    The sinusoidal projection about the middle longitude of the sample; distances are
    good to a few percent over the width of half a continent.
    """
    latitude, longitude = np.asarray(latitude, float), np.asarray(longitude, float)
    middle = 0.5 * (longitude.min() + longitude.max())
    east = (longitude - middle) * np.cos(np.radians(latitude))
    return KM_PER_DEGREE * np.stack([east, latitude], axis=-1)


def sphere(latitude: Floats, longitude: Floats) -> Floats:
    """Places in space (place, 3), km.

    A chord is a distance to within 1 % up to 3000 km.
    """
    phi, lam = np.radians(latitude), np.radians(longitude)
    return np.stack(
        [np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1
    ) * np.degrees(KM_PER_DEGREE)


def block_ids(places: Floats, block_km: float) -> Ints:
    """Number of the block that each place lies in, 0 upwards.

    Parameters
    ----------
    places : numpy.ndarray (place, 2)
        km, from `plane`.
    block_km : float
        Side of a block.
    """
    corner = np.floor((places - places.min(axis=0)) / block_km).astype(np.int64)
    key = corner[:, 0] * (corner[:, 1].max() + 1) + corner[:, 1]
    return np.unique(key, return_inverse=True)[1].astype(np.int64)


def choose_block_km(places: Floats, n_folds: int) -> float:
    """The largest of ``BLOCK_SIZES`` that gives four occupied blocks for each fold.

    Raises
    ------
    InputError
        If even the smallest gives fewer blocks than folds.
    """
    n_blocks = 0
    for size in BLOCK_SIZES:
        n_blocks = int(block_ids(places, size).max()) + 1
        if n_blocks >= _BLOCKS_PER_FOLD * n_folds:
            return size
    if n_blocks >= n_folds:
        return BLOCK_SIZES[-1]
    raise InputError(
        "training pixels",
        found=f"{len(places)} in {n_blocks} blocks of {BLOCK_SIZES[-1]:g} km",
        wanted=f"at least {n_folds} blocks, for as many folds",
        hint="Calibrate pixels that lie farther apart, or ask for fewer folds.",
    )


def fold_ids(blocks: Ints, n_folds: int, rng: np.random.Generator) -> Ints:
    """The fold of each place, 0 to n_folds - 1; no block is in two.

    Blocks come in random order and each goes to the fold with the fewest places.
    """
    sizes = np.bincount(blocks)
    if sizes.size < n_folds:
        raise InputError(
            "blocks",
            found=f"{sizes.size} blocks",
            wanted=f"at least {n_folds}, for as many folds",
            hint="Use a smaller block_km or fewer folds.",
        )
    fold_of_block = np.empty(sizes.size, dtype=np.int64)
    load = np.zeros(n_folds)
    # Larger blocks first keep the folds even; ties fall at random.
    order = rng.permutation(sizes.size)
    order = order[np.argsort(-sizes[order], kind="stable")]
    for block in order:
        fold = int(np.argmin(load))
        fold_of_block[block] = fold
        load[fold] += sizes[block]
    return fold_of_block[blocks]


def random_test(n: int, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark a random fraction of n places, at least one, as test."""
    chosen = np.zeros(n, dtype=bool)
    chosen[rng.permutation(n)[: max(1, round(fraction * n))]] = True
    return chosen
