"""Bytes of trees, checked before XGBoost sees them: a spoilt file can end its process.

XGBoost reads universal binary JSON without holding sizes and numbers of nodes against
each other. So what it gets here has a SHA-256 behind it, and is parsed before: it has
to be trees as `upscale.training.trees.fit` makes them, each node with children that
come after it and are nobody else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from upscale.errors import InputError

_MARK = b"\nsha256 "
_LENGTH = len(_MARK) + 64
_DEEP = 30
_NUMBERS = {
    b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8",
    b"d": ">f4", b"D": ">f8",
}  # fmt: skip
_PLAIN = {b"Z": None, b"T": True, b"F": False}
_OF_NODES = (
    "left_children", "right_children", "parents", "split_indices", "split_conditions",
    "base_weights", "default_left", "split_type", "loss_changes", "sum_hessian",
)  # fmt: skip
_ROOT = 2**31 - 1  # what the root has as its parent


def sealed(raw: bytes) -> bytes:
    r"""Put the SHA-256 behind the bytes of a model; XGBoost does not read so far.

    Examples
    --------
    >>> sealed(b"{}")[:10]
    b'{}\nsha256 '
    """
    return raw + _MARK + hashlib.sha256(raw).hexdigest().encode()


def checked(content: bytes) -> bytes:
    """Return the bytes of a model that may be given to XGBoost.

    Parameters
    ----------
    content : bytes
        As `sealed` gave it, or without a digest, as of an earlier version.

    Raises
    ------
    InputError
        If they are not what was saved, or no trees that `fit` can make.

    Examples
    --------
    >>> checked(b"not a tree")
    Traceback (most recent call last):
        ...
    upscale.errors.InputError: bytes of a model
      found   something else than an object (at byte 0)
      wanted  trees as `to_bytes` gave them
      hint    Copy the file again from where it came, or train again.
    """
    raw, seal = content, b""
    if content[-_LENGTH:].startswith(_MARK):
        raw, seal = content[:-_LENGTH], content[-_LENGTH:]
    if seal and sealed(raw) != content:
        raise odd("another content than its digest says")
    try:
        _require_trees(_Reader(raw).model())
    except (KeyError, TypeError, ValueError, OverflowError) as exc:
        if isinstance(exc, InputError):
            raise
        raise odd(f"{type(exc).__name__}: {exc}"[:200]) from exc
    return raw


def odd(found: str) -> InputError:
    """Say what is wrong with the bytes of a model."""
    return InputError(
        "bytes of a model",
        found,
        "trees as `to_bytes` gave them",
        "Copy the file again from where it came, or train again.",
    )


class _Reader:
    """The part of universal binary JSON that XGBoost writes."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def model(self) -> dict[str, Any]:
        if self._raw[:1] != b"{":
            raise odd("something else than an object (at byte 0)")
        found: dict[str, Any] = self._value(0)
        if self._at != len(self._raw):
            raise odd(f"{len(self._raw) - self._at} bytes behind the model")
        return found

    def _take(self, n: int) -> bytes:
        if not 0 <= n <= len(self._raw) - self._at:
            raise odd(f"{n} bytes declared (at byte {self._at} of {len(self._raw)})")
        self._at += n
        return self._raw[self._at - n : self._at]

    def _value(self, depth: int) -> Any:
        mark = self._take(1)
        if depth > _DEEP:
            raise odd("an object that is too deep")
        if mark == b"{":
            return self._object(depth)
        if mark == b"[":
            return self._array(depth)
        if mark == b"S":
            return self._text()
        if mark in _NUMBERS:
            return self._numbers(mark, 1)[0].item()
        if mark in _PLAIN:
            return _PLAIN[mark]
        raise odd(f"{mark!r} where a value starts (at byte {self._at - 1})")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._raw[self._at : self._at + 1] != b"}":
            name = self._text()
            if name in found:
                raise odd(f"{name!r} twice (at byte {self._at})")
            found[name] = self._value(depth + 1)
        self._take(1)
        return found

    def _array(self, depth: int) -> Any:
        mark = b""
        if self._raw[self._at : self._at + 1] == b"$":
            mark = self._take(2)[1:]
        if self._take(1) != b"#":
            raise odd(f"an array without a length (at byte {self._at})")
        n = self._length()
        if mark:
            return self._numbers(mark, n)
        if n > len(self._raw) - self._at:  # each value takes a byte at least
            raise odd(f"{n} values declared (at byte {self._at})")
        return [self._value(depth + 1) for _ in range(n)]

    def _numbers(self, mark: bytes, n: int) -> Any:
        if mark not in _NUMBERS:
            raise odd(f"numbers of the kind {mark!r} (at byte {self._at})")
        kind = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self._take(n * kind.itemsize), dtype=kind)

    def _length(self) -> int:
        if self._take(1) != b"L":
            raise odd(f"a length of another kind (at byte {self._at - 1})")
        return int.from_bytes(self._take(8), "big", signed=True)

    def _text(self) -> str:
        return self._take(self._length()).decode()


def _require_trees(model: Mapping[str, Any]) -> None:
    learner = model["learner"]
    booster, common = learner["gradient_booster"], learner["learner_model_param"]
    _require(booster["name"] == "gbtree", "another booster than trees")
    _require(learner["objective"]["name"] == "reg:squarederror", "another objective")
    _require(
        int(common.get("num_target", 1)) == 1 and int(common["num_class"]) == 0,
        "more than one target",
    )
    start = np.array(str(common["base_score"]).strip("[]").split(","), float)
    _require(start.shape == (1,) and bool(np.isfinite(start[0])), "no base score")
    forest = booster["model"]
    trees, parallel = forest["trees"], forest["gbtree_model_param"]
    n = len(trees)
    _require(
        int(parallel["num_trees"]) == n and int(parallel["num_parallel_tree"]) == 1,
        "another number of trees than declared",
    )
    _require_equal(forest["tree_info"], np.zeros(n), "groups of trees")
    _require_equal(forest["iteration_indptr"], np.arange(n + 1), "rounds of trees")
    cats = forest.get("cats", {})
    _require(not any(len(part) for part in cats.values()), "categories")
    for name in ("feature_names", "feature_types"):
        _require(len(learner.get(name, ())) == 0, name)
    for number, tree in enumerate(trees):
        _require_tree(tree, number, int(common["num_feature"]))


def _require_tree(tree: Mapping[str, Any], number: int, n_features: int) -> None:
    """Each node is a leaf, or has two children that come later and are its alone."""
    size, where = tree["tree_param"], f"tree {number}: "
    nodes = {name: np.asarray(tree[name]) for name in _OF_NODES}
    n = int(size["num_nodes"])
    _require(n > 0, where + "no nodes")
    for name, values in nodes.items():
        _require(values.shape == (n,), f"{where}{name} of another length than {n}")
        _require(bool(np.isfinite(values).all()), f"{where}{name} without a number")
    _require(
        int(size["num_deleted"]) == 0
        and int(size["size_leaf_vector"]) in (0, 1)
        and int(size["num_feature"]) == n_features
        and int(tree["id"]) == number,
        where + "other parameters than those of a tree that was trained",
    )
    _require(not nodes["split_type"].any(), where + "categories")
    for name in ("categories", "categories_nodes", "categories_segments",
                 "categories_sizes"):  # fmt: skip
        _require(len(tree[name]) == 0, where + "categories")
    index, split = np.arange(n), nodes["split_indices"]
    left, right = nodes["left_children"], nodes["right_children"]
    inner = left != -1
    _require_equal(right != -1, inner, where + "nodes with one child")
    children = np.concatenate([left[inner], right[inner]])
    _require_equal(np.sort(children), index[1:], where + "children")
    _require(bool((left > index)[inner].all() and (right > index)[inner].all()),
             where + "a child before its parent")  # fmt: skip
    parents = np.full(n, _ROOT)
    parents[left[inner]] = parents[right[inner]] = index[inner]
    _require_equal(nodes["parents"], parents, where + "parents")
    _require(bool(((split >= 0) & (split < n_features)).all()), where + "covariates")


def _require(right: bool, found: str) -> None:
    if not right:
        raise odd(found)


def _require_equal(found: Sequence[Any] | NDArray, wanted: NDArray, what: str) -> None:
    if not np.array_equal(np.asarray(found), wanted):
        raise odd(f"{what} that do not fit each other")
