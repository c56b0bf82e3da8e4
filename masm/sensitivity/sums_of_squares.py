"""Sensitivity by sums of squares: fractions of a regression with pairwise products.

Outputs are regressed on parameters and their pairwise products, all centred and
scaled (Dokoohaki et al. 2021, section 2.2). Sums of squares are of type III: what the
fit loses when one column is left out, so that the order of parameters does not
matter. Fractions describe a model only where the regression does; the adjusted R2 says
whether.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError

Array = NDArray[np.float64]

#: Below this adjusted R2 the fractions do not describe the model.
R2_LIMIT = 0.8
PRODUCTS = ("all", "screened", "none")

_DRAWS_PER_COEFFICIENT = 3
_N_GROUPS = 10
# Columns count as one when the smallest eigenvalue of their correlations is under it.
_COLLINEAR = 1e-10


@dataclass(frozen=True)
class SumsOfSquares:
    """Result of `sums_of_squares`.

    Attributes
    ----------
    names : tuple of str, (p,)
    main : (n_outputs, p)
        ``S_i = SS_i / SS_T``.
    product : (n_outputs, p, p)
        ``S_ij = SS_ij / SS_T``, symmetric, zero on the diagonal; NaN where the
        product was not in the regression.
    total : (n_outputs, p)
        ``(SS_i + sum_j SS_ij) / SS_T``. A product counts for both its parameters.
    total_by_chance : (n_outputs, p)
        What an output without any relation would show as ``total``.
    r2, adjusted_r2 : (n_outputs,)
    describes : (n_outputs,) of bool
        Whether the adjusted R2 is at least 0.8. Where it is not, the fractions do not
        describe the model.
    kept : tuple of str
        Parameters whose total fraction less chance, averaged over the outputs that have
        one, is at least the threshold.
    n_draws, n_failed, n_coefficients : int
        Draws used, draws left out because an output was NaN, and coefficients with
        the intercept.
    note : str
        What a reader has to know; empty if nothing.
    """

    names: tuple[str, ...]
    main: Array
    product: Array
    total: Array
    total_by_chance: Array
    r2: Array
    adjusted_r2: Array
    describes: NDArray[np.bool_]
    kept: tuple[str, ...]
    n_draws: int
    n_failed: int
    n_coefficients: int
    note: str


def n_coefficients(n_parameters: int, *, products: bool = True) -> int:
    """Coefficients of the regression, the intercept included.

    Examples
    --------
    >>> n_coefficients(32), n_coefficients(35)
    (529, 631)
    """
    p = n_parameters
    return 1 + p + (p * (p - 1) // 2 if products else 0)


def least_draws(n_parameters: int, *, products: bool = True) -> int:
    """Draws that the regression needs: three for each coefficient.

    Examples
    --------
    >>> least_draws(32), least_draws(32, products=False)
    (1587, 99)
    """
    return _DRAWS_PER_COEFFICIENT * n_coefficients(n_parameters, products=products)


def half_widths(
    parameters: ArrayLike, outputs: ArrayLike, found: SumsOfSquares
) -> Array:
    """95 % half widths of ``total`` less ``total_by_chance``, (n_outputs, p).

    A tenth of the draws is left out at a time, the columns of the regression stay
    (a jackknife of ten groups). NaN where too few draws would remain, and for an
    output that does not vary.

    Parameters
    ----------
    parameters, outputs
        As for `sums_of_squares`.
    found : SumsOfSquares
        What it gave for them.
    """
    x, y, _, _ = _checked(parameters, outputs, found.names)
    seen = np.argwhere(np.isfinite(found.product).any(axis=0))
    pairs = [(int(i), int(j)) for i, j in seen if i < j]
    group = np.arange(len(x)) % _N_GROUPS
    fractions = []
    for k in range(_N_GROUPS):
        kept = group != k
        if kept.sum() <= 2 * found.n_coefficients:
            return np.full(found.total.shape, np.nan)
        fit = _fit(x[kept], y[kept], pairs)
        part = _result(fit, found.names, pairs, int(kept.sum()), 0, 0.0)
        fractions.append(part.total - part.total_by_chance)
    off = np.stack(fractions) - np.mean(fractions, axis=0)
    variance = (_N_GROUPS - 1) / _N_GROUPS * np.sum(off**2, axis=0)
    return np.asarray(1.96 * np.sqrt(variance))


def sums_of_squares(
    parameters: ArrayLike,
    outputs: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    products: str = "all",
    threshold: float = 0.05,
    screen_share: float = 0.01,
) -> SumsOfSquares:
    """Shares of main effects and pairwise products in the variance of outputs.

    Parameters
    ----------
    parameters : (n_draws, p)
        Drawn independently from their priors.
    outputs : (n_draws,) or (n_draws, n_outputs)
        Means of a target; an output for each site and year. NaN marks a failed run,
        which is left out for all outputs.
    names : sequence of str, (p,), optional
    products : {"all", "screened", "none"}
        Products of all pairs; only among parameters whose main fraction less chance is
        at least ``screen_share`` in any output; or main effects alone.
    threshold : float
        Least mean total fraction of a parameter that is kept.
    screen_share : float
        For ``products="screened"``.

    Returns
    -------
    SumsOfSquares

    Raises
    ------
    InputError
        Shapes that do not fit, a parameter that does not vary, columns that depend on
        each other, or fewer than three draws for each coefficient.

    References
    ----------
    Dokoohaki et al. (2021), gmd-2021-236, section 2.2.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1.0, 1.0, (5000, 2)) * 3.0**0.5
    >>> y = 2.0 * x[:, 0] + x[:, 1] + x[:, 0] * x[:, 1]
    >>> found = sums_of_squares(x, y, names=["a", "b"])
    >>> found.main.round(1), found.product[0, 0, 1].round(1)
    (array([[0.7, 0.2]]), np.float64(0.2))
    """
    x, y, labels, n_failed = _checked(parameters, outputs, names)
    if products not in PRODUCTS:
        raise InputError("products", found=repr(products), wanted=" or ".join(PRODUCTS))
    n, p = x.shape
    chosen = np.arange(p)
    if products != "all":
        _refuse_few(n, n_coefficients(p, products=False), p, "main effects")
    if products == "screened":
        first = _fit(x, y, [])
        chance = (1.0 - first.r2) / (n - 1 - p)
        with np.errstate(invalid="ignore"):
            chosen = np.flatnonzero(
                np.any(first.fractions - chance[:, None] >= screen_share, axis=0)
            )
    pairs = [] if products == "none" else _pairs(chosen)
    _refuse_few(n, 1 + p + len(pairs), p, "main effects and products")
    fit = _fit(x, y, pairs)
    return _result(fit, labels, pairs, n, n_failed, threshold)


@dataclass(frozen=True)
class _Fit:
    """Type III fractions of all columns, (n_outputs, n_columns), and R2."""

    fractions: Array
    r2: Array


def _pairs(chosen: NDArray[np.intp]) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for k, i in enumerate(chosen) for j in chosen[k + 1 :]]


def _checked(
    parameters: ArrayLike, outputs: ArrayLike, names: Sequence[str] | None
) -> tuple[Array, Array, tuple[str, ...], int]:
    x = np.asarray(parameters, float)
    y = np.asarray(outputs, float)
    y = y[:, None] if y.ndim == 1 else y
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not x.size or not y.size:
        raise InputError(
            "parameters and outputs",
            found=f"shapes {x.shape} and {np.shape(outputs)}",
            wanted="(n_draws, p) and (n_draws,) or (n_draws, n_outputs)",
        )
    labels = tuple(names) if names is not None else tuple(map(str, range(x.shape[1])))
    if len(labels) != x.shape[1] or len(set(labels)) != len(labels):
        raise InputError("names", found=labels, wanted=f"{x.shape[1]} different names")
    if not np.isfinite(x).all() or np.isinf(y).any():
        raise InputError(
            "parameters or outputs are not finite",
            wanted="finite numbers; NaN in an output marks a failed run",
        )
    good = np.isfinite(y).all(axis=1)
    x, y = x[good], y[good]
    if not len(x):
        raise InputError("outputs", found="NaN in every draw", wanted="numbers")
    still = [labels[j] for j in np.flatnonzero(np.ptp(x, axis=0) == 0.0)]
    if still:
        raise InputError("a parameter does not vary", found=", ".join(still))
    return x, y, labels, int((~good).sum())


def _refuse_few(n: int, n_wanted: int, p: int, what: str) -> None:
    least = _DRAWS_PER_COEFFICIENT * n_wanted
    if n < least:
        raise InputError(
            f"too few draws for {what} of {p} parameters",
            found=f"{n} draws for {n_wanted} coefficients",
            wanted=f"{least} draws or more, {_DRAWS_PER_COEFFICIENT} a coefficient",
            hint='Draw more, or use products="screened": products only among '
            "parameters with a main effect.",
        )


def _fit(x: Array, y: Array, pairs: list[tuple[int, int]]) -> _Fit:
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    columns = [scaled] + [(scaled[:, i] * scaled[:, j])[:, None] for i, j in pairs]
    design = np.concatenate(columns, axis=1)
    design = (design - design.mean(axis=0)) / np.maximum(design.std(axis=0), 1e-300)
    centred = y - y.mean(axis=0)
    correlation = design.T @ design / len(x)
    values, vectors = np.linalg.eigh(correlation)
    if values[0] < _COLLINEAR:
        raise InputError(
            "parameters depend on each other",
            found=f"a smallest eigenvalue of {values[0]:.1e} of their correlations",
            wanted="parameters that were drawn independently",
        )
    inverse = (vectors / values) @ vectors.T
    slopes = inverse @ (design.T @ centred / len(x))
    residual = centred - design @ slopes
    whole = np.sum(centred**2, axis=0)
    constant = whole <= 1e-24 * np.sum(y**2, axis=0)
    whole = np.where(constant, np.nan, whole)
    # What the fit loses without a column: b^2 / (X'X)^-1_jj.
    lost = len(x) * slopes**2 / np.diag(inverse)[:, None]
    return _Fit((lost / whole).T, 1.0 - np.sum(residual**2, axis=0) / whole)


def _result(
    fit: _Fit,
    names: tuple[str, ...],
    pairs: list[tuple[int, int]],
    n: int,
    n_failed: int,
    threshold: float,
) -> SumsOfSquares:
    p, n_out = len(names), len(fit.r2)
    main = fit.fractions[:, :p]
    product = np.full((n_out, p, p), np.nan)
    product[:, np.arange(p), np.arange(p)] = 0.0
    for k, (i, j) in enumerate(pairs):
        product[:, i, j] = product[:, j, i] = fit.fractions[:, p + k]
    total = main + np.nansum(product, axis=2)
    n_columns = np.array([1 + sum(i in pair for pair in pairs) for i in range(p)])
    m = 1 + p + len(pairs)
    by_chance = (1.0 - fit.r2)[:, None] / (n - m) * n_columns
    adjusted = 1.0 - (1.0 - fit.r2) * (n - 1) / (n - m)
    describes = np.nan_to_num(adjusted, nan=0.0) >= R2_LIMIT
    known = np.isfinite(fit.r2)
    mean = (
        (total - by_chance)[known].mean(axis=0) if known.any() else np.full(p, np.nan)
    )
    kept = tuple(name for name, fraction in zip(names, mean, strict=True)
                 if fraction >= threshold)  # fmt: skip
    return SumsOfSquares(
        names, main, product, total, by_chance, fit.r2, adjusted, describes, kept,
        n, n_failed, m, _note(adjusted, describes, n_failed),
    )  # fmt: skip


def _note(adjusted: Array, describes: NDArray[np.bool_], n_failed: int) -> str:
    parts = []
    if not describes.all():
        low = int((~describes).sum())
        worst = np.nanmin(adjusted) if np.isfinite(adjusted).any() else np.nan
        parts.append(
            f"The regression does not describe {low} of {adjusted.size} output(s): "
            f"adjusted R2 down to {worst:.2f}, wanted {R2_LIMIT:g}. Effects are curved "
            "or of higher order; use Sobol indices."
        )
    if n_failed:
        parts.append(f"{n_failed} failed draw(s) were left out.")
    return " ".join(parts)
