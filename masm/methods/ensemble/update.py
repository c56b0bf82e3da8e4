"""The Kalman update of an ensemble in its own span."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from masm.errors import CalibrationFailed, InputError
from masm.methods.limits import Limit, check_limits
from masm.methods.outcomes import NO_POSTERIOR
from masm.problem.problem import Outcome
from masm.types import Array

#: What may be asked for as the option ``localisation``.
INFLATION = Limit("inflation", 1.0)
LOCALISATIONS = ("none", "correlation")

#: What may be asked for as the option ``update``.
UPDATES = ("perturbed", "transform")

#: Members that a budget of model runs is turned into at most: more hardly help.
MOST_MEMBERS = 1000


def kalman_update(
    z: Array,
    residual: Array,
    alpha: float,
    noise: Array,
    localisation: str = "none",
) -> Array:
    """Move members towards the observations.

    Parameters
    ----------
    z : ndarray (member, parameter)
    residual : ndarray (member, n_obs)
        Whitened, simulated minus observed; error covariance ``alpha`` times ``I``.
    alpha : float
        Inflation of the error variance in this step.
    noise : ndarray (member, n_obs)
        Standard-normal draws for perturbed observations; zeros for none.
    localisation : {"none", "correlation"}
        Parameters have no place, so that distance cannot localise them. Each pair of
        a parameter and an observation is damped by the noise that its correlation has
        in an ensemble of this size: ``r^2 / (r^2 + (1 + r^2) / n)``.

    Returns
    -------
    ndarray (member, parameter)

    References
    ----------
    Furrer, R. and Bengtsson, T. (2007). Estimation of high-dimensional prior and
    posterior covariance matrices in Kalman filter variants. Journal of Multivariate
    Analysis 98, 227-255 (the damping).

    Emerick and Reynolds (2013), Computers & Geosciences 55, 3-15, eq. 9; solved over
    observations or members, whichever are fewer.
    """
    n, n_obs = residual.shape
    x = (z - z.mean(axis=0)) / np.sqrt(n - 1)
    y = (residual - residual.mean(axis=0)) / np.sqrt(n - 1)
    innovation = np.sqrt(alpha) * noise - residual
    if localisation == "correlation":
        inner = y.T @ y + alpha * np.eye(n_obs)
        gain = np.linalg.solve(inner, _damped(x.T @ y, x, y).T)
        return np.asarray(z + innovation @ gain)
    # K = X' Y'^T (Y' Y'^T + alpha I)^-1 = X' (Y'^T Y' + alpha I)^-1 Y'^T
    if n_obs < n:
        inner = y.T @ y + alpha * np.eye(n_obs)
        return z + innovation @ np.linalg.solve(inner, y.T @ x)
    inner = y @ y.T + alpha * np.eye(n)
    weights = np.linalg.solve(inner, y @ innovation.T)
    return z + weights.T @ x


def transform_update(z: Array, residual: Array, alpha: float) -> Array:
    """Move members to the exact mean and covariance of the update, without noise.

    The ensemble transform Kalman update: the covariance of the members becomes that of
    a linear model with their own covariance as the prior's, whatever their number.

    Parameters
    ----------
    z : ndarray (member, parameter)
    residual : ndarray (member, n_obs)
        Whitened, simulated minus observed; error covariance ``alpha`` times ``I``.
    alpha : float
        Inflation of the error variance in this step.

    Returns
    -------
    ndarray (member, parameter)

    References
    ----------
    Bishop, C. H., Etherton, B. J. and Majumdar, S. J. (2001). Adaptive sampling with
    the ensemble transform Kalman filter. Monthly Weather Review 129, 420-436.
    Huang et al. (2022), Inverse Problems 38, 125006 (for parameters).
    """
    n, mean = len(z), z.mean(axis=0)
    x = (z - mean) / np.sqrt(n - 1)
    y = (residual - residual.mean(axis=0)) / np.sqrt((n - 1) * alpha)
    span = MemberSpan(y)
    weights = span.solve(-(y @ residual.mean(axis=0)) / np.sqrt(alpha))
    return np.asarray(mean + weights @ x + np.sqrt(n - 1) * span.contracted(x))


class MemberSpan:
    """The matrix ``I + Y' Y'^T`` of members, by the singular values of ``Y'``.

    Parameters
    ----------
    y : ndarray (member, n_obs)
        Perturbations of the whitened residuals over the root of one less than their
        number.
    """

    def __init__(self, y: Array):
        self._left, self._values, _ = np.linalg.svd(y, full_matrices=False)

    def solve(self, v: Array) -> Array:
        """The inverse of the matrix times a vector (member,)."""
        square = self._values**2
        part = square / (1.0 + square) * (self._left.T @ v)
        return np.asarray(v - self._left @ part)

    def contracted(self, x: Array) -> Array:
        """The symmetric root of the inverse times ``x`` (member, parameter)."""
        lost = 1.0 - 1.0 / np.sqrt(1.0 + self._values**2)
        return np.asarray(x - self._left @ (lost[:, None] * (self._left.T @ x)))


def _damped(covariance: Array, x: Array, y: Array) -> Array:
    """Covariance (parameter, n_obs) less what is noise of a small ensemble."""
    spread = np.outer(np.sum(x**2, axis=0), np.sum(y**2, axis=0))
    square = covariance**2 / np.maximum(spread, np.finfo(float).tiny)
    kept = square / (square + (1.0 + square) / len(x))
    return np.asarray(covariance * kept)


def inflated(members: Array, factor: float) -> Array:
    """Members whose variance about their mean is so many times as large."""
    mean = members.mean(axis=0)
    return np.asarray(mean + np.sqrt(factor) * (members - mean))


def check_ensemble(inflation: float, localisation: str) -> None:
    """Refuse an inflation under one and a localisation that is not known.

    Raises
    ------
    InputError
    """
    check_limits([INFLATION], {"inflation": inflation})
    if localisation not in LOCALISATIONS:
        raise InputError(
            "option localisation",
            found=repr(localisation),
            wanted=f"one of {', '.join(LOCALISATIONS)}",
        )


def check_update(update: str, localisation: str) -> None:
    """Refuse an update that is not known, and a transform that is localised.

    Raises
    ------
    InputError
    """
    if update not in UPDATES:
        raise InputError(
            "option update", found=repr(update), wanted=f"one of {', '.join(UPDATES)}"
        )
    if update == "transform" and localisation != "none":
        raise InputError(
            "option localisation",
            found=f"{localisation!r} with update: transform",
            wanted="none with update: transform",
            hint="The transform moves all members together. For few members of many "
            "parameters take update: perturbed.",
        )


def not_a_posterior(outcome: Outcome, said: str) -> Outcome:
    """Return the outcome of options that change the spread, as no posterior."""
    return replace(
        outcome,
        status="suspect",
        reason=NO_POSTERIOR,
        attrs={**outcome.attrs, "approximation": f"{said} changes the spread"},
    )


def budget_of(
    option: str, default: int
) -> tuple[
    Callable[[int, Mapping[str, Any]], int], Callable[[int, int], dict[str, Any]]
]:
    """Return ``expected_runs`` and ``with_budget`` of members run update by update.

    Parameters
    ----------
    option : str
        Which holds the number of updates; members are run before each of them and
        after the last.
    default : int
        Updates that a budget is divided by.
    """

    def expected_runs(n_parameters: int, options: Mapping[str, Any]) -> int:
        return int(options["n_members"]) * (int(options[option]) + 1)

    def with_budget(n_runs: int, n_parameters: int) -> dict[str, Any]:
        members = min(MOST_MEMBERS, n_runs // (default + 1))
        return {option: default, "n_members": members}

    return expected_runs, with_budget


def run_members(
    z: Array, runs: Callable[[Array], Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Members and their residuals, copies in the place of those that failed.

    Raises
    ------
    CalibrationFailed
        If all but two members failed.
    """
    z, residual, n_failed = replace_failed(z, runs(z), rng)
    if n_failed >= len(z) - 2:
        raise CalibrationFailed(
            f"{n_failed} of {len(z)} members failed", reason="model_nan"
        )
    return z, residual


def replace_failed(
    z: Array, residual: Array, rng: np.random.Generator
) -> tuple[Array, Array, int]:
    """Put copies of members that ran in the place of those that failed.

    Returns
    -------
    z, residual : ndarray
    n_failed : int
    """
    ran = np.isfinite(residual).all(axis=1)
    lost = np.flatnonzero(~ran)
    if len(lost) and ran.any():
        chosen = rng.choice(np.flatnonzero(ran), len(lost))
        z, residual = z.copy(), residual.copy()
        z[lost], residual[lost] = z[chosen], residual[chosen]
    return z, residual, len(lost)
