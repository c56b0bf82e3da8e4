"""Values outside the range that a file declares valid: codes, or a wrong range."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from landdata.errors import InputError

logger = logging.getLogger(__name__)

_MOST_CODES = 12  # water, snow, cloud, fill, ...: no product has more


class OutsideRange:
    """Make values outside a range NaN, count them, and judge the range at the end.

    A few repeated numbers outside are codes of water, snow or clouds. Where most
    values are outside and they are no codes, the range is not of these numbers. Where
    all are outside nothing is left, and no number inside says that the range and the
    scale are right: a whole record of codes is refused, a single day of them is not.

    Parameters
    ----------
    low, high : float
        The range, in the unit of the values.
    where : str
        File and variable, for messages.

    Examples
    --------
    >>> outside = OutsideRange(0.0, 100.0, "lai.nc  Lai")
    >>> outside.removed(np.array([12.0, 249.0, 30.0]))
    array([12., nan, 30.])
    >>> outside.judge()
    """

    def __init__(self, low: float, high: float, where: str) -> None:
        self._low, self._high, self._where = low, high, where
        self._n_known = self._n_outside = 0
        self._outside: NDArray = np.empty(0)

    def removed(self, values: NDArray) -> NDArray:
        """Return the values with those outside NaN; the argument is changed."""
        outside = (values < self._low) | (values > self._high)
        self._n_known += int(np.isfinite(values).sum())
        if outside.any():
            self._n_outside += int(outside.sum())
            if self._outside.size <= _MOST_CODES:
                several = np.unique(values[outside])[: _MOST_CODES + 1]
                self._outside = np.union1d(self._outside, several)
            values[outside] = np.nan
        return values

    def judge(self, *, warn: bool = True, single: bool = False) -> None:
        """Refuse a range that most values contradict; else say what was left out.

        Parameters
        ----------
        warn : bool
            Log a warning where values were left out.
        single : bool
            The values are of one day or one composite, which may be all cloud.

        Raises
        ------
        InputError
            If more than half of the values are outside and they are no codes: more
            than twelve different numbers. If all are, unless a single day has codes.
        """
        if not self._n_outside:
            return
        first = self._outside[0]
        codes = self._outside.size <= _MOST_CODES
        nothing_left = self._n_outside == self._n_known
        wrong = self._n_outside > 0.5 * self._n_known and not codes
        if wrong or (nothing_left and not single):
            several = "all" if nothing_left else "most"
            raise InputError(
                f"{self._where}: {several} values lie outside the file's own valid "
                "range" + (", nothing is left" if nothing_left else ""),
                found=f"{self._n_outside} of {self._n_known}, such as {first:g}",
                wanted=f"{self._low:g} to {self._high:g}",
                hint="Is the range of the packed numbers, or the scale missing? Where "
                "they are codes (water, cloud, city), choose another place or period.",
            )
        if warn or nothing_left:
            logger.warning(
                "%s: %d of %d values lie outside the file's own valid range "
                "(%g to %g) and are left out, such as %g",
                self._where, self._n_outside, self._n_known, self._low, self._high,
                first,
            )  # fmt: skip
