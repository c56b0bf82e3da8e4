"""What is known of a site beside its log-likelihood: draws, or where to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.hierarchical.group import definite

Array = NDArray[np.float64]

_LEAST_DRAWS = 100


@dataclass(frozen=True)
class SiteDraws:
    """A site of which draws of its own posterior are known.

    Attributes
    ----------
    draws : (n_draws, p)
        Of a calibration of this site alone, at least 100.
    mean, covariance : (p,), (p, p)
        The normal prior of that calibration, which is divided out.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import SiteDraws
    >>> draws = np.random.default_rng(1).normal(size=(200, 1))
    >>> SiteDraws(draws, np.zeros(1), np.eye(1)).draws.shape
    (200, 1)
    """

    draws: Array
    mean: Array
    covariance: Array

    def __post_init__(self) -> None:
        draws = np.asarray(self.draws, float)
        if draws.ndim != 2 or len(draws) < _LEAST_DRAWS or not np.isfinite(draws).all():
            raise InputError(
                "draws of a site", found=f"shape {draws.shape}",
                wanted=f"(n_draws, p), {_LEAST_DRAWS} draws or more, finite",
            )  # fmt: skip
        mean = np.atleast_1d(np.asarray(self.mean, float))
        if mean.shape != (draws.shape[1],) or not np.isfinite(mean).all():
            raise InputError("prior mean of a site", found=mean.shape, wanted="(p,)")
        given = np.atleast_2d(np.asarray(self.covariance, float))
        object.__setattr__(self, "draws", draws)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(
            self, "covariance", definite(given, mean.size, "prior covariance of a site")
        )


@dataclass(frozen=True)
class Guide:
    """Where a site's log-likelihood is high, and which way it rises.

    It changes how fast chains agree, and not what they agree on: every move is
    accepted by the log-likelihood itself.

    Attributes
    ----------
    points : (n_points, p)
        Such as draws of the site's own posterior, at least ``2 p``. Chains begin at
        some of them, and a mixture of normals fitted to them proposes.
    gradient : callable, optional
        (n, p) to (n, p): gradient of the log-likelihood, which may be approximate.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import Guide
    >>> points = np.random.default_rng(1).normal(size=(50, 1))
    >>> Guide(points, lambda theta: -theta).points.shape
    (50, 1)
    """

    points: ArrayLike
    gradient: Callable[[Array], Array] | None = None

    def checked_points(self, site: str, p: int) -> Array:
        """Points as an array.

        Raises
        ------
        InputError
            Too few, of another number of parameters, or not finite.
        """
        given = np.asarray(self.points, float)
        if given.ndim != 2 or given.shape[1] != p or len(given) < 2 * p:
            raise InputError(
                f"points of site {site}", found=f"shape {given.shape}",
                wanted=f"(n_points, {p}), {2 * p} points or more",
            )  # fmt: skip
        if not np.isfinite(given).all():
            raise InputError(f"points of site {site}", found="NaN", wanted="finite")
        return given
