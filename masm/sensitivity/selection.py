"""Which parameters to calibrate, from their effects, by a stated rule.

Elementary effects (Morris): for each stream a parameter's importance is the sum of its
``mu_star`` over the chosen statistics, as a fraction of all parameters' sum. The fewest
parameters that together hold the wanted part are taken, stream by stream, and joined.
The four seasons are the usual statistics: an effect that moves carbon from spring to
autumn leaves the annual mean alone and still matters.

Fractions of variance (totals of Sobol, of eFAST and of sums of squares, interactions
included), and bounds of them by derivatives: the mean of a parameter's fraction over
the statistics is its importance; parameters from a threshold on are taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from masm.errors import InputError
from masm.sensitivity.outputs import SEASONS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


OF_VARIANCE = ("sobol", "sums_of_squares", "fast", "derivatives")
"""Methods whose effects are fractions of variance, or bounds of them."""


@dataclass(frozen=True)
class Selection:
    """Parameters chosen, and why.

    Attributes
    ----------
    parameters : tuple of str
        In the order of the priors.
    by_stream : dict of str to tuple of str
        What each stream asked for, most important first; without the user's changes.
    table : pandas.DataFrame
        A row for each stream and parameter: ``share`` (of the stream's summed
        mu_star, mean over pixels), ``cumulative``, ``rank``, ``chosen`` (by this
        stream), and over pixels ``q25``, ``median``, ``q75`` of the fraction.
    rule : str
        In words.

    Examples
    --------
    >>> import pandas as pd, masm
    >>> row = {"stream": "gpp", "parameter": "vmax", "share": 1.0}
    >>> chosen = masm.Selection(
    ...     ("vmax",), {"gpp": ("vmax",)}, pd.DataFrame([row]), "90 % of mu_star"
    ... )
    >>> chosen.parameters
    ('vmax',)
    """

    parameters: tuple[str, ...]
    by_stream: dict[str, tuple[str, ...]]
    table: pd.DataFrame
    rule: str


def importance(
    effects: xr.Dataset, statistics: Sequence[str] = SEASONS
) -> xr.DataArray:
    """Share of each parameter in what moves a stream.

    Parameters
    ----------
    effects : xarray.Dataset
        As `masm.screen`, `masm.total_effects` or `masm.regression_effects` returns
        it, or several of them along ``pixel``.
    statistics : sequence of str
        Whose ``effect`` are summed; they must have one unit, so ``cost`` has
        to be alone.

    Returns
    -------
    xarray.DataArray ([pixel,] stream, parameter)
        Of elementary effects: sums to one over ``parameter``; of fractions of variance:
        their mean over the statistics, whose sum may exceed one. NaN for a stream
        that nothing moves.

    Examples
    --------
    >>> import numpy as np, xarray as xr, masm
    >>> dims = ("stream", "statistic", "parameter")
    >>> effects = xr.Dataset(
    ...     {"effect": (dims, [[[3.0, 1.0]]])},
    ...     {"stream": ["gpp"], "statistic": ["JJA"], "parameter": ["a", "b"]},
    ...     {"method": "morris"},
    ... )
    >>> masm.importance(effects, statistics=["JJA"]).values
    array([[0.75, 0.25]])
    """
    known = [str(name) for name in effects["statistic"].to_numpy()]
    for name in statistics:
        if name not in known:
            raise InputError(
                "unknown statistic", found=name, wanted=f"one of {', '.join(known)}"
            )
    if "cost" in statistics and len(statistics) > 1:
        raise InputError(
            "statistics of different units",
            found=", ".join(statistics),
            wanted="cost alone, or means alone",
        )
    chosen = effects["effect" if "effect" in effects else "mu_star"].sel(
        statistic=list(statistics)
    )
    if has_fractions(effects):
        total = chosen.mean("statistic", skipna=False)
    else:
        total = chosen.sum("statistic", skipna=False)
    if total.isnull().all():
        raise InputError(
            "the statistics are not there",
            found=f"{', '.join(statistics)}: NaN throughout",
            wanted="a season needs dates and a day in it, cost needs observations",
        )
    if has_fractions(effects):
        return total.rename("importance")
    whole = total.sum("parameter", skipna=False)
    return (total / whole.where(whole > 0.0)).rename("importance")


def has_fractions(effects: xr.Dataset) -> bool:
    """Return whether effects are fractions of variance, and not elementary effects."""
    return str(effects.attrs.get("method", "morris")) in OF_VARIANCE


def select(
    effects: xr.Dataset,
    *,
    share: float = 0.9,
    threshold: float = 0.05,
    statistics: Sequence[str] = SEASONS,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Selection:
    """Choose the parameters to calibrate.

    Parameters
    ----------
    effects : xarray.Dataset
        As for `importance`; fractions are averaged over pixels.
    share : float
        Of elementary effects: of a stream's summed mu_star that its chosen
        parameters hold together.
    threshold : float
        Of fractions of variance: least mean fraction of a chosen parameter.
    statistics : sequence of str
        See `importance`.
    include, exclude : sequence of str
        Parameters taken, or left out, whatever their fraction.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 20.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    >>> effects = masm.screen(model, priors, seed=1, streams=["y"], n_trajectories=4)
    >>> masm.select(effects, statistics=["annual"]).parameters
    ('b',)
    """
    import pandas as pd

    names = [str(name) for name in effects["parameter"].to_numpy()]
    for name in (*include, *exclude):
        if name not in names:
            raise InputError(
                "include or exclude: unknown parameter",
                found=name,
                wanted=f"one of {', '.join(names)}",
            )
    if not 0.0 < share <= 1.0:
        raise InputError("share", found=share, wanted="above 0, at most 1")
    if not 0.0 < threshold < 1.0:
        raise InputError("threshold", found=threshold, wanted="between 0 and 1")
    of_variance = has_fractions(effects)
    fractions = importance(effects, statistics)
    if "pixel" not in fractions.dims:
        fractions = fractions.expand_dims("pixel")
    rows, by_stream = [], {}
    for stream in fractions["stream"].to_numpy():
        here = fractions.sel(stream=stream)
        values = pd.DataFrame(
            here.transpose("pixel", "parameter").to_numpy(), columns=names
        )
        part = pd.DataFrame(
            {
                "stream": str(stream),
                "share": values.mean(),
                "q25": values.quantile(0.25),
                "median": values.median(),
                "q75": values.quantile(0.75),
            }
        ).sort_values("share", ascending=False, kind="stable")
        part["cumulative"] = part["share"].cumsum()
        part["rank"] = range(1, len(part) + 1)
        if of_variance:
            part["chosen"] = part["share"] >= threshold
        else:
            # Taken while what came before falls short of the wanted fraction.
            before = part["cumulative"] - part["share"]
            part["chosen"] = (before < share) & (part["share"] > 0.0)
        by_stream[str(stream)] = tuple(part.index[part["chosen"]])
        rows.append(part.rename_axis("parameter").reset_index())
    wanted = {name for chosen in by_stream.values() for name in chosen}
    wanted = (wanted | set(include)) - set(exclude)
    rule = (
        f"parameters with at least {threshold:.0%} of the variance, mean of "
        f"{', '.join(statistics)}; for each stream, then together"
        if of_variance
        else f"the fewest parameters that hold {share:.0%} of the summed mu* of "
        f"{', '.join(statistics)}; for each stream, then together"
    )
    if include:
        rule += f"; with {', '.join(include)}"
    if exclude:
        rule += f"; without {', '.join(exclude)}"
    return Selection(
        tuple(name for name in names if name in wanted),
        by_stream,
        pd.concat(rows, ignore_index=True),
        rule,
    )
