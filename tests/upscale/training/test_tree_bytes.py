import doctest

import numpy as np
import pytest

from upscale.errors import InputError
from upscale.training import tree_bytes, trees


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 3))
    y = x[:, 0] + rng.normal(size=120)
    return trees.fit(x, y, np.ones(120), trees.TreeSettings(n_trees=5), 0), x


def test_trees_come_back_to_the_last_bit(model):
    booster, x = model
    content = trees.to_bytes(booster)
    plain = bytes(booster.save_raw("ubj"))  # of a version without a digest
    for one in (content, plain):
        again = trees.from_bytes(one)
        assert np.array_equal(trees.predict(again, x), trees.predict(booster, x))
    assert content[: len(plain)] == plain
    assert doctest.testmod(tree_bytes).failed == 0


def test_no_spoilt_byte_of_a_saved_model_is_read(model):
    content = trees.to_bytes(model[0])
    rng = np.random.default_rng(2)
    for at in [*rng.integers(len(content), size=60), len(content) - 1]:
        spoilt = bytearray(content)
        spoilt[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(InputError, match="bytes of a model"):
            trees.from_bytes(bytes(spoilt))
    for length in (0, 1, len(content) // 2, len(content) - 1, len(content) - 72 - 9):
        with pytest.raises(InputError):
            trees.from_bytes(content[:length])


def name(text):
    return b"L" + len(text).to_bytes(8, "big") + text


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (b"left_children", "children"),
        (b"right_children", "children"),
        (b"parents", "parents"),
        (b"split_indices", "covariates"),
    ],
)
def test_a_node_that_points_elsewhere_is_refused_with_a_right_digest(
    model, where, found
):
    raw = bytearray(model[0].save_raw("ubj"))
    at = raw.index(name(where) + b"[$l#L") + len(name(where)) + 5 + 8
    for index in (-5, 1, 2**20):
        spoilt = bytearray(raw)
        spoilt[at : at + 4] = index.to_bytes(4, "big", signed=True)
        if spoilt == raw or (where == b"split_indices" and index == 1):
            continue
        with pytest.raises(InputError, match=found):
            trees.from_bytes(tree_bytes.sealed(bytes(spoilt)))


@pytest.mark.parametrize(
    "content",
    [
        b"{" * 100_000,
        b"{" + name(b"a") + b"[#L" + (2**60).to_bytes(8, "big"),
        b"{" + name(b"a") + b"[$Z#L" + (2**60).to_bytes(8, "big") + b"}",
        b"{" + name(b"a") + b"[$d#L" + (-8).to_bytes(8, "big", signed=True) + b"}",
        b"{" + (name(b"a") + b"{") * 60 + b"}" * 61,
        b"{" + name(b"a") + b"T" + name(b"a") + b"T}",
        b"{}",
        b"{" + name(b"learner") + b"[#L" + bytes(8) + b"}",
    ],
)
def test_what_is_no_model_is_refused_without_taking_memory(content):
    for one in (content, tree_bytes.sealed(content)):
        with pytest.raises(InputError):
            trees.from_bytes(one)
