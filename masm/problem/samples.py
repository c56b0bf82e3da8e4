"""Parameter sets as an array whose columns also answer to their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class Samples(np.ndarray):
    """Parameter sets, (sample, parameter), in the priors' order and units.

    An ordinary array in every respect, and ``theta["vmax"]`` is the column
    ``(sample,)`` of that parameter; ``dict(theta)`` maps each name to its column.
    A single row ``theta[3]`` keeps the names, so ``dict(theta[3])`` maps names to
    numbers. Other slices and the results of arithmetic are plain in their names:
    they keep them only while the last axis still has one entry for each name.

    Parameters
    ----------
    values : array_like, (sample, parameter) or (parameter,)
        Parameter values.
    names : sequence of str
        A name for each column.

    Examples
    --------
    >>> theta = Samples([[1.0, 2.0], [3.0, 4.0]], ["a", "b"])
    >>> theta["b"]
    array([2., 4.])
    >>> {name: float(value) for name, value in dict(theta[0]).items()}
    {'a': 1.0, 'b': 2.0}
    """

    names: tuple[str, ...]

    def __new__(cls, values: Any, names: Sequence[str]) -> Samples:  # noqa: D102
        array = np.array(values, dtype=float).view(cls)
        array.names = tuple(names)
        if array.shape[-1:] != (len(array.names),):
            raise ValueError(
                f"{len(array.names)} names for an array of shape {array.shape}"
            )
        return array

    def __array_finalize__(self, obj: Any) -> None:
        self.names = getattr(obj, "names", ())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.keys():
                raise KeyError(f"{key!r} is not among {', '.join(self.keys())}")
            return np.asarray(self)[..., self.names.index(key)]
        item = super().__getitem__(key)
        if isinstance(item, Samples) and item.shape[-1:] != (len(self.names),):
            return np.asarray(item)
        return item

    def keys(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self.names if self.shape[-1:] == (len(self.names),) else ()

    # numpy's own pickling forgets attributes; process pools need the names.
    def __reduce__(self) -> Any:
        reduced: Any = super().__reduce__()
        rebuild, arguments, state = reduced
        return rebuild, arguments, (state, self.names)

    def __setstate__(self, state: Any, /) -> None:
        array_state, self.names = state
        super().__setstate__(array_state)
