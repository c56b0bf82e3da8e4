"""A prior of a parameter from measured traits: a meta-analysis with study effects.

Means of a trait that studies report differ by more than their errors, since each study
looked at other plants. What they say of a new site is their distribution, not the mean
of all.

References
----------
LeBauer et al. (2013), Ecological Monographs 83, 133-154 (traits of a meta-analysis as
priors of a model). Gelman et al. (2013), Bayesian Data Analysis, section 5.4 (the
normal hierarchical model on a grid of tau).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError

Array = NDArray[np.float64]

_NODES = 4000
_REACH = 8.0  # of the half-normal prior of tau, in its scale


@dataclass(frozen=True)
class TraitPrior:
    """Result of `trait_prior`.

    Attributes
    ----------
    mean, sd : float
        Of the parameter at a new site: the prior of a calibration.
    group_sd : float
        Posterior sd of the mean of all sites.
    between_sd : float
        Posterior mean of tau, the sd between studies.
    n_studies : int

    Examples
    --------
    >>> from masm.hierarchical import trait_prior
    >>> found = trait_prior(
    ...     [20.0, 30.0], [4.0, 4.0], [16, 16], ["a", "b"], between=5.0
    ... )
    >>> found.n_studies, found.group_sd < found.sd
    (2, True)
    """

    mean: float
    sd: float
    group_sd: float
    between_sd: float
    n_studies: int


def trait_prior(
    mean: ArrayLike,
    sd: ArrayLike,
    n: ArrayLike,
    study: Sequence[str],
    *,
    between: float,
) -> TraitPrior:
    """Mean and sd of a trait at a new site, from studies that measured it elsewhere.

    ``y_i ~ N(theta_s, sd_i^2 / n_i)`` for row i of study s, ``theta_s ~ N(mu, tau^2)``,
    mu flat, tau half-normal. Given tau all is normal; tau is integrated on a grid.

    Parameters
    ----------
    mean, sd : (n_rows,)
        Mean and standard deviation of the single measurements, in one unit.
    n : (n_rows,)
        Numbers of measurements.
    study : sequence of str, (n_rows,)
        Rows of a study share its effect.
    between : float, above 0
        Scale of the prior of tau: what studies may differ by. With one study it alone
        says so.

    Returns
    -------
    TraitPrior

    Raises
    ------
    InputError
        No rows, lengths that differ, an sd that is not above zero, an n below 1.

    Examples
    --------
    >>> found = trait_prior(
    ...     [20.0, 30.0], [4.0, 4.0], [16, 16], ["a", "b"], between=5.0
    ... )
    >>> round(found.mean, 6), found.sd > found.between_sd
    (25.0, True)
    """
    y, v, studies = _studies(mean, sd, n, study)
    if not (np.isfinite(between) and between > 0.0):
        raise InputError("between", found=between, wanted="a number above zero")
    tau = (np.arange(_NODES) + 0.5) * (_REACH * between / _NODES)
    w = 1.0 / (v + tau[:, None] ** 2)
    total = w.sum(axis=1)
    centre = (w @ y) / total
    log_weight = (
        0.5 * np.log(w).sum(axis=1)
        - 0.5 * np.log(total)
        - 0.5 * (w * (y - centre[:, None]) ** 2).sum(axis=1)
        - 0.5 * (tau / between) ** 2
    )
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    middle = float(weight @ centre)
    of_group = float(weight @ (1.0 / total + (centre - middle) ** 2))
    return TraitPrior(
        middle,
        float(np.sqrt(of_group + weight @ tau**2)),
        float(np.sqrt(of_group)),
        float(weight @ tau),
        len(studies),
    )


def _studies(
    mean: ArrayLike, sd: ArrayLike, n: ArrayLike, study: Sequence[str]
) -> tuple[Array, Array, list[str]]:
    """Mean and error variance of each study, its rows put together."""
    y, s, count = (np.atleast_1d(np.asarray(x, float)) for x in (mean, sd, n))
    names = [str(name) for name in study]
    if not y.size or not y.shape == s.shape == count.shape == (len(names),):
        raise InputError(
            "traits", found=f"{y.size} means, {s.size} sds, {count.size} numbers, "
            f"{len(names)} studies", wanted="one of each for every row",
        )  # fmt: skip
    for value, good, what, wanted in (
        (y, np.isfinite(y), "mean", "a finite number"),
        (s, np.isfinite(s) & (s > 0.0), "sd", "above zero"),
        (count, np.isfinite(count) & (count >= 1.0), "n", "one or more"),
    ):
        if not good.all():
            raise InputError(f"{what} of a trait", found=value[~good][0], wanted=wanted)
    weight = count / s**2
    different = list(dict.fromkeys(names))
    at = np.array([different.index(name) for name in names])
    total = np.bincount(at, weight)
    return np.bincount(at, weight * y) / total, 1.0 / total, different
