"""Pictures of a result: posteriors, pairs, ranks, fit and predictive check.

They are drawn with matplotlib alone, so that they look alike whichever ArviZ is
installed; `masm.Result.to_arviz` hands a result to any plot of ArviZ. Each function
returns the axes that it drew on, and matplotlib is loaded when one is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from masm.errors import InputError
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

_BLUE, _SKY, _GREY, _RED = "#0072B2", "#56B4E9", "#9AA5AE", "#D55E00"
_N_BINS = 40
_MOST_COLUMNS = 4
_MOST_POINTS = 2000


class Drawable(Protocol):
    """What is drawn of a `masm.Result`."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""

    @property
    def groups(self) -> Mapping[str, xr.Dataset]:
        """Datasets by name."""

    @property
    def posterior(self) -> xr.Dataset:
        """Draws of each parameter, (chain, draw)."""

    @property
    def prior(self) -> xr.Dataset:
        """Draws of each parameter's prior."""


def plot_posterior(
    result: Drawable,
    parameters: Sequence[str] | None = None,
    truth: Mapping[str, float] | None = None,
) -> Any:
    """Draw the marginal posterior of each parameter, its mean and 90 % interval.

    Parameters
    ----------
    result : masm.Result
        What a calibration gave.
    parameters : sequence of str, optional
        Which parameters; all by default.
    truth : mapping of str to float, optional
        True values where they are known, in the parameters' units.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each parameter.
    """
    names = chosen(result, parameters)
    axes = _grid(len(names))
    for axis, name in zip(axes, names, strict=True):
        draws = result.posterior[name]
        values = draws.to_numpy().ravel()
        if "prior" in result.groups and name in result.prior:
            before = result.prior[name].to_numpy().ravel()
            axis.hist(before, bins=_N_BINS, density=True, color=_GREY, alpha=0.35,
                      label="prior")  # fmt: skip
        axis.hist(values, bins=_N_BINS, density=True, color=_BLUE, alpha=0.75,
                  label="posterior")  # fmt: skip
        low, high = np.quantile(values, [0.05, 0.95])
        axis.hlines(0.0, low, high, color="black", lw=4, label="90 % interval")
        axis.axvline(values.mean(), color="black", lw=1, label="mean")
        if truth and name in truth:
            axis.axvline(truth[name], color=_RED, ls="--", lw=1.5, label="truth")
        axis.set_xlabel(label(name, draws), fontsize=9)
        axis.set_yticks([])
    axes[0].legend(fontsize=8)
    return axes


def plot_pair(result: Drawable, parameters: Sequence[str] | None = None) -> Any:
    """Draw posterior draws of each pair of parameters, with their correlation.

    Parameters
    ----------
    result : masm.Result
        What a calibration gave.
    parameters : sequence of str, optional
        Which parameters, two at least; all by default.

    Returns
    -------
    ndarray of matplotlib.axes.Axes (parameter, parameter)
        Pairs are below the diagonal, marginal posteriors on it.

    Raises
    ------
    InputError
        If there are fewer than two parameters.
    """
    import matplotlib.pyplot as plt

    names = chosen(result, parameters)
    n = len(names)
    if n < 2:
        raise InputError("parameters", found=str(n), wanted="two at least, for pairs")
    draws = _flat(result, names)
    some = draws[:: max(1, len(draws) // _MOST_POINTS)]
    size = max(4.0, 1.7 * n)
    _, axes = plt.subplots(n, n, figsize=(size, size), layout="constrained")
    for i, j in np.ndindex(n, n):
        axis = axes[i, j]
        if j > i:
            axis.set_visible(False)
            continue
        if i == j:
            axis.hist(draws[:, i], bins=_N_BINS, color=_BLUE)
            axis.set_yticks([])
        else:
            axis.plot(some[:, j], some[:, i], ".", ms=2, color=_BLUE, alpha=0.3)
            r = _correlation(draws[:, j], draws[:, i])
            axis.set_title(f"r = {r:.2f}", fontsize=7, pad=2)
        axis.tick_params(labelsize=6)
        if i == n - 1:
            text = label(names[j], result.posterior[names[j]])
            axis.set_xlabel(text, fontsize=7)
        if j == 0 and i > 0:
            text = label(names[i], result.posterior[names[i]])
            axis.set_ylabel(text, fontsize=7)
    return axes


def plot_rank(result: Drawable, parameters: Sequence[str] | None = None) -> Any:
    """Draw ranks of each chain's draws among all draws; even bars are good.

    Parameters
    ----------
    result : masm.Result
        What a calibration gave.
    parameters : sequence of str, optional
        Which parameters; all by default.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each parameter.

    References
    ----------
    Vehtari, A., Gelman, A., Simpson, D., Carpenter, B., Buerkner, P.-C. (2021).
    Rank-normalization, folding, and localization: an improved R-hat. Bayesian
    Analysis 16, 667-718, section 5.
    """
    from scipy.stats import rankdata

    names = chosen(result, parameters)
    axes = _grid(len(names))
    for axis, name in zip(axes, names, strict=True):
        values = result.posterior[name].transpose("chain", "draw").to_numpy()
        ranks = rankdata(values, method="average").reshape(values.shape)
        edges = np.linspace(0.5, values.size + 0.5, 21)
        for chain, row in enumerate(ranks):
            counts = np.histogram(row, edges)[0]
            height = counts / max(1.0, counts.mean())
            axis.stairs(0.8 * height / 2 + chain, edges, baseline=chain,
                        fill=True, alpha=0.7)  # fmt: skip
            axis.axhline(chain + 0.4, color="black", lw=0.5, ls=":")
        r_hat = float(result.posterior[name].attrs.get("r_hat", math.nan))
        known = "" if math.isnan(r_hat) else f", R-hat {r_hat:.3f}"
        axis.set_title(f"{name}{known}", fontsize=9)
        axis.set_yticks(range(len(values)), [str(i) for i in range(len(values))])
        axis.set_ylabel("chain", fontsize=8)
        axis.set_xlabel("rank of the draw", fontsize=8)
    return axes


def plot_fit(result: Drawable) -> Any:
    """Draw observations and the model at posterior draws, a panel for each stream.

    Parameters
    ----------
    result : masm.Result
        Of a calibration with observed series.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each stream.

    Raises
    ------
    InputError
        If the result has no observations or no model runs at posterior draws.
    """
    return _streams(result, with_error=False)


def plot_predictive(result: Drawable) -> Any:
    """Draw the posterior predictive check: a 90 % band that has observation errors.

    About nine observations in ten are inside the band of a model that fits.

    Parameters
    ----------
    result : masm.Result
        Of a calibration with observed series.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        One for each stream.

    Raises
    ------
    InputError
        If the result has no observations or no model runs at posterior draws.
    """
    return _streams(result, with_error=True)


def chosen(result: Drawable, parameters: Sequence[str] | None) -> list[str]:
    """Return the parameters asked for, all of them if none are.

    Raises
    ------
    InputError
        If one was not calibrated.
    """
    given = result.parameters if parameters is None else parameters
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in result.parameters:
            raise InputError(
                "parameters", found=repr(name), wanted=", ".join(result.parameters)
            )
    if not names:
        raise InputError("parameters", found="none", wanted="one at least")
    return names


def label(name: str, values: xr.DataArray) -> str:
    """Return the name of a variable and its unit, as an axis is labelled."""
    unit = str(values.attrs.get("units") or "")
    return name if unit in ("", "1", "-") else f"{name} ({unit})"


def model_runs(result: Drawable, name: str) -> Array:
    """Return model runs at posterior draws of a stream, (run, time).

    Raises
    ------
    InputError
        If the result has none.
    """
    # Files of earlier versions have them as the posterior predictive.
    groups = result.groups
    runs = groups.get("predictive_runs", groups.get("posterior_predictive"))
    if runs is None or name not in runs:
        raise InputError(
            "result",
            found=f"no model runs of {name} at posterior draws",
            wanted="a result of observed series, with n_predictive above 0",
        )
    found = runs[name]
    return np.asarray(found.to_numpy(), float).reshape(-1, found.shape[-1])


def _streams(result: Drawable, *, with_error: bool) -> Any:
    import matplotlib.pyplot as plt

    if "observed_data" not in result.groups:
        raise InputError(
            "result",
            found="no observations: the model returns a cost alone",
            wanted="a result of observed series",
        )
    observed = result.groups["observed_data"]
    variances = result.groups.get("constant_data", observed)
    names = [str(n) for n in observed.data_vars if f"{n}_time" in observed[n].dims]
    names = [n for n in names if f"{n}_variance" in variances]
    runs = {name: model_runs(result, name) for name in names}
    _, axes = plt.subplots(
        len(names), 1, figsize=(9, 0.6 + 2.4 * len(names)), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axis, name in zip(axes[:, 0], names, strict=True):
        time, seen = observed[f"{name}_time"].to_numpy(), observed[name].to_numpy()
        low, high = np.quantile(runs[name], [0.05, 0.95], axis=0)
        middle = runs[name].mean(axis=0)
        if with_error:
            # Draws and errors are independent and near normal: variances add.
            total = runs[name].var(axis=0) + variances[f"{name}_variance"].to_numpy()
            half = 1.645 * np.sqrt(total)
            inside = np.mean(np.abs(seen - middle) <= half)
            axis.fill_between(time, middle - half, middle + half, color=_SKY,
                              alpha=0.4, label="90 % with errors")  # fmt: skip
            axis.set_title(
                f"{inside:.0%} of {seen.size} observations are in the band", fontsize=9
            )
        axis.fill_between(time, low, high, color=_BLUE, alpha=0.6,
                          label="90 % of model runs")  # fmt: skip
        axis.plot(time, middle, color=_BLUE, lw=1, label="model, mean")
        axis.plot(time, seen, "o", ms=3, mfc="none", mec="black", label="observed")
        axis.set_ylabel(label(name, observed[name]), fontsize=9)
    axes[0, 0].legend(fontsize=8, ncols=2)
    return axes[:, 0]


def _grid(n: int) -> Any:
    """Return ``n`` axes in rows of at most four."""
    import matplotlib.pyplot as plt

    columns = min(n, _MOST_COLUMNS)
    rows = math.ceil(n / columns)
    size = (max(3.5, 2.6 * columns), 0.4 + 2.1 * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False
    )
    flat = axes.ravel()
    for axis in flat[n:]:
        figure.delaxes(axis)
    return flat[:n]


def _flat(result: Drawable, names: Sequence[str]) -> Array:
    """Return draws of all chains, (draw, parameter)."""
    columns = [result.posterior[name].to_numpy().ravel() for name in names]
    return np.stack(columns, axis=-1).astype(float)


def _correlation(x: Array, y: Array) -> float:
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])
