"""No two random streams of a package have the same key, zeros behind it or not."""

from enum import IntEnum

import numpy as np
import pytest

from jobs.run.seeds import PixelStream, RunStream
from masm.problem import seeds
from masm.problem.seeds import seed_sequence
from upscale.seeds import ParameterStream, SharedStream


def plain(key):
    """Drop the zeros at the end, which numpy does not see."""
    key = [int(part) for part in (key if isinstance(key, tuple) else (key,))]
    while key and key[-1] == 0:
        key.pop()
    return tuple(key)


@pytest.mark.parametrize(
    "table",
    [
        list(PixelStream),
        [v for k, v in vars(RunStream).items() if k.isupper()],
        list(SharedStream),
        list(ParameterStream),
    ],
)
def test_no_key_is_another_one_with_zeros_behind_it(table):
    keys = [plain(key) for key in table]
    assert () not in keys  # the seed alone
    assert len(set(keys)) == len(keys)


def test_streams_of_a_run_are_not_those_of_its_first_pixels():
    run = {plain(v) for k, v in vars(RunStream).items() if k.isupper()}
    pixels = {plain((pixel, key)) for pixel in range(50) for key in PixelStream}
    assert not run & pixels


def test_numpy_takes_a_zero_behind_a_list_for_nothing_and_spawn_keys_do_not():
    def first(seed):
        return np.random.default_rng(seed).random()

    assert first([3, 5]) == first([3, 5, 0])
    assert first(seed_sequence(3, 5)) != first(seed_sequence(3, 5, 0))


@pytest.mark.parametrize(
    "table",
    [t for t in vars(seeds).values() if isinstance(t, type) and issubclass(t, IntEnum)
     and t is not IntEnum],
)  # fmt: skip
def test_keys_of_a_table_differ(table):
    assert len({int(key) for key in table}) == len(table.__members__)
