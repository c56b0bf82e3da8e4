"""Posterior covariance and uncertainty reduction of a linearised problem.

``A = (M' R^-1 M + B^-1)^-1`` (Rodgers 2000, chapter 2). A target that depends on the
controls by ``N`` has the covariance ``N A N'``. Each stream can be left out in turn,
all at the same linearisation, so that only the information changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.methods.variational.hessian import gauss_newton_covariance
from masm.minimisation.objective import factor

Array = NDArray[np.float64]


def posterior_covariance(
    jacobian: ArrayLike,
    variance: ArrayLike,
    prior_covariance: ArrayLike | None = None,
) -> Array:
    """Posterior covariance of the controls.

    Parameters
    ----------
    jacobian : array_like (observation, n)
        Derivative of the simulated observations.
    variance : array_like (observation,)
        Of the errors of the observations, or their full covariance matrix.
    prior_covariance : array_like (n, n), optional
        The identity by default.

    Returns
    -------
    ndarray (n, n)

    Raises
    ------
    InputError
        Where a variance is not positive, the prior is not positive definite, or
        shapes do not fit.

    Examples
    --------
    >>> posterior_covariance([[2.0]], [1.0])
    array([[0.2]])
    """
    m = np.atleast_2d(np.asarray(jacobian, float))
    prior = np.ones(m.shape[1]) if prior_covariance is None else prior_covariance
    return gauss_newton_covariance(m, variance, prior)


def target_covariance(target_jacobian: ArrayLike, covariance: ArrayLike) -> Array:
    """Covariance ``N A N'`` of targets (target, target).

    Examples
    --------
    >>> from masm.information import target_covariance
    >>> target_covariance([[1.0, 1.0]], [[0.2, 0.0], [0.0, 0.3]])
    array([[0.5]])
    """
    n = np.atleast_2d(np.asarray(target_jacobian, float))
    result: Array = n @ np.asarray(covariance, float) @ n.T
    return result


def uncertainty_reduction(prior_sd: ArrayLike, posterior_sd: ArrayLike) -> Array:
    """``1 - posterior sd / prior sd``; NaN where the prior knows no uncertainty.

    Examples
    --------
    >>> uncertainty_reduction([2.0, 0.0], [0.5, 0.0])
    array([0.75,  nan])
    """
    before, after = np.asarray(prior_sd, float), np.asarray(posterior_sd, float)
    ratio = np.full(before.shape, np.nan)
    np.divide(after, before, out=ratio, where=before > 0.0)
    return 1.0 - ratio


def marginal_variances(
    jacobian: ArrayLike, variance: ArrayLike, target_jacobian: ArrayLike
) -> tuple[Array, Array]:
    """Posterior variances of many controls and of targets, for a prior of N(0, I).

    No matrix is larger than the jacobian and the square of its smaller side, so that
    thousands of controls are cheap where there are fewer observations.

    Parameters
    ----------
    jacobian : array_like (observation, n)
    variance : array_like (observation,)
    target_jacobian : array_like (target, n)

    Returns
    -------
    controls : ndarray (n,)
    targets : ndarray (target,)

    Examples
    --------
    >>> marginal_variances([[2.0, 0.0]], [1.0], [[1.0, 1.0]])
    (array([0.2, 1. ]), array([1.2]))
    """
    m = np.atleast_2d(np.asarray(jacobian, float))
    rows = np.atleast_2d(np.asarray(target_jacobian, float))
    s = m / factor(variance, m.shape[0], "observation covariance R")[:, None]
    if s.shape[0] >= s.shape[1]:
        a = np.linalg.inv(s.T @ s + np.eye(s.shape[1]))
        return np.diag(a).copy(), np.einsum("ti,ij,tj->t", rows, a, rows)
    gain = np.linalg.solve(s @ s.T + np.eye(s.shape[0]), s)
    controls = 1.0 - np.sum(s * gain, axis=0)
    shared = np.sum((rows @ s.T) * (rows @ gain.T), axis=1)
    return controls, np.sum(rows**2, axis=1) - shared


@dataclass(frozen=True)
class InformationContent:
    """What all streams together say, and what is left without each of them.

    Attributes
    ----------
    names, target_names : tuple of str
    covariance : dict
        Posterior covariance (n, n) by experiment: ``"all"``, then ``"without NAME"``.
    reduction : dict
        Uncertainty reduction of the controls (n,) by experiment.
    target_sd, target_reduction : dict
        Posterior sd and uncertainty reduction of the targets (target,).
    target_prior_sd : ndarray (target,)
        Standard deviation of the targets in the prior.
    signal : dict
        Degrees of freedom for signal by experiment, at most n.

    Examples
    --------
    >>> from masm.information import information_content
    >>> found = information_content(
    ...     [[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0], ["gpp", "lai"], names=["a", "b"]
    ... )
    >>> sorted(found.signal), found.reduction["all"].round(2)
    (['all', 'without gpp', 'without lai'], array([0.55, 0.29]))
    """

    names: tuple[str, ...]
    target_names: tuple[str, ...]
    covariance: dict[str, Array]
    reduction: dict[str, Array]
    target_sd: dict[str, Array]
    target_reduction: dict[str, Array]
    signal: dict[str, float]
    target_prior_sd: Array


def information_content(
    jacobian: ArrayLike,
    variance: ArrayLike,
    streams: Sequence[str],
    *,
    names: Sequence[str],
    target_jacobian: ArrayLike | None = None,
    target_names: Sequence[str] = (),
    prior_covariance: ArrayLike | None = None,
) -> InformationContent:
    """Uncertainty reduction with all streams, and with each left out in turn.

    Parameters
    ----------
    jacobian : array_like (observation, n)
    variance : array_like (observation,)
    streams : sequence of str
        Stream of each observation.
    names : sequence of str
        Of the controls.
    target_jacobian : array_like (target, n), optional
    target_names : sequence of str
    prior_covariance : array_like (n, n), optional
        The identity by default.

    Returns
    -------
    InformationContent

    Raises
    ------
    InputError
        As :func:`posterior_covariance`, or where names do not fit the arrays.

    Examples
    --------
    >>> done = information_content([[2.0], [1.0]], [1.0, 1.0], ["a", "b"], names=["x"])
    >>> sorted(done.reduction)
    ['all', 'without a', 'without b']
    """
    m = np.atleast_2d(np.asarray(jacobian, float))
    v = np.atleast_1d(np.asarray(variance, float))
    stream = np.asarray(streams, dtype=np.str_)
    targets = (
        np.zeros((0, m.shape[1]))
        if target_jacobian is None
        else np.atleast_2d(np.asarray(target_jacobian, float))
    )
    for what, found, wanted in (
        ("streams", stream.shape, (m.shape[0],)),
        ("variance", v.shape, (m.shape[0],)),
        ("names", (len(names),), (m.shape[1],)),
        ("target_jacobian", targets.shape, (len(target_names), m.shape[1])),
    ):
        if found != wanted:
            raise InputError(what, found=f"shape {found}", wanted=f"{wanted}")
    prior = np.eye(m.shape[1])
    if prior_covariance is not None:
        prior = np.asarray(prior_covariance, float)
        factor(prior, m.shape[1], "prior covariance")
    prior_sd = np.sqrt(np.diag(prior))
    target_prior_sd = np.sqrt(np.diag(target_covariance(targets, prior)))
    keep = {"all": np.ones(stream.size, dtype=bool)}
    keep |= {f"without {s}": stream != s for s in dict.fromkeys(stream.tolist())}
    content = InformationContent(
        tuple(names), tuple(target_names), {}, {}, {}, {}, {}, target_prior_sd
    )  # fmt: skip
    for name, rows in keep.items():
        a = posterior_covariance(m[rows], v[rows], prior_covariance)
        sd = np.sqrt(np.diag(target_covariance(targets, a)))
        content.covariance[name] = a
        content.reduction[name] = uncertainty_reduction(prior_sd, np.sqrt(np.diag(a)))
        content.target_sd[name] = sd
        content.target_reduction[name] = uncertainty_reduction(target_prior_sd, sd)
        content.signal[name] = float(m.shape[1] - np.trace(np.linalg.solve(prior, a)))
    return content
