"""Which calibrated pixels train the upscaling: quality control with counts.

Ma et al. (2022, section 4.2.2 and 5.2) keep samples with DISO below 0.35 for LAI and
GPP that converged (R-hat below 1.2), and drop those of a bad surrogate; parameters
against a bound they keep where the fit is good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from upscale.errors import InputError

EdgePolicy = Literal["keep", "drop_value", "drop_pixel"]
_NEEDED = ("pixel", "parameter", "mean", "sd")


@dataclass(frozen=True)
class SelectionRules:
    """Limits of quality control; None switches a rule off.

    Attributes
    ----------
    max_diso : mapping
        Stream to the largest DISO (a column ``diso_<stream>``), exclusive.
    max_r_hat : float or None
        Of any parameter of the pixel, exclusive.
    max_surrogate_error : float or None
        Largest ``surrogate_error``, in whatever unit the column has.
    at_bound : {"keep", "drop_value", "drop_pixel"}
        What becomes of a parameter whose posterior leans on a bound of its prior:
        kept (the paper), that one value is not trained on, or the pixel is not.

    Examples
    --------
    >>> import upscale
    >>> rules = upscale.SelectionRules(max_diso={"gpp": 0.5}, max_r_hat=1.1)
    >>> rules.at_bound
    'keep'
    """

    max_diso: Mapping[str, float] = field(
        default_factory=lambda: {"lai": 0.35, "gpp": 0.35}
    )
    max_r_hat: float | None = 1.2
    max_surrogate_error: float | None = None
    at_bound: EdgePolicy = "keep"

    def __post_init__(self) -> None:
        policies = ("keep", "drop_value", "drop_pixel")
        if self.at_bound not in policies:
            raise InputError("rules.at_bound", repr(self.at_bound), ", ".join(policies))


@dataclass(frozen=True, eq=False)
class Selection:
    """The pixels that passed, and why the others did not.

    Attributes
    ----------
    mean, sd : pandas.DataFrame (pixel, parameter)
        Of the pixels that passed, in each parameter's own unit; NaN where a value was
        left out because it leans on a bound.
    counts : pandas.DataFrame
        Indexed by reason: ``n_pixels`` that fail it, ``n_only`` that fail nothing
        else; the last two rows are all pixels dropped and all kept.
    reasons : pandas.Series
        Every pixel's reasons joined by "; ", empty if it was kept.
    n_values_dropped : pandas.Series
        Values left out of kept pixels, for each parameter.

    Examples
    --------
    >>> import pandas as pd, upscale
    >>> row = {"mean": 3e-5, "sd": 1e-6, "r_hat": 1.0}
    >>> row |= {"diso_lai": 0.2, "diso_gpp": 0.2}
    >>> table = pd.DataFrame(
    ...     [{"pixel": 1, "parameter": "vmax", **row},
    ...      {"pixel": 2, "parameter": "vmax", **row, "diso_gpp": 0.9}]
    ... )
    >>> upscale.select_training(table).reasons.to_dict()
    {1: '', 2: 'diso of gpp not below 0.35'}
    """

    mean: pd.DataFrame
    sd: pd.DataFrame
    counts: pd.DataFrame
    reasons: pd.Series
    n_values_dropped: pd.Series

    @property
    def pixels(self) -> pd.Index:
        """Ids of the pixels that passed."""
        return self.mean.index


def select_training(
    posteriors: pd.DataFrame, rules: SelectionRules | None = None
) -> Selection:
    """Apply the rules of quality control to calibrated pixels.

    Parameters
    ----------
    posteriors : pandas.DataFrame
        One row for each pixel and parameter: ``pixel, parameter, mean, sd``; as the
        rules need them ``r_hat``, ``at_bound`` (-1 low, 0 no, 1 high), and, the same
        in all rows of a pixel, ``diso_lai``, ``diso_gpp``, ``surrogate_error``.
    rules : SelectionRules, optional
        The paper's by default.

    Raises
    ------
    InputError
        If a column that an active rule needs is missing, or a pixel has not exactly
        one row for each parameter.

    Notes
    -----
    A number that is NaN fails the rule that looks at it.

    Examples
    --------
    >>> import pandas as pd, upscale
    >>> row = {"mean": 3e-5, "sd": 1e-6, "r_hat": 1.0}
    >>> row |= {"diso_lai": 0.2, "diso_gpp": 0.2}
    >>> table = pd.DataFrame(
    ...     [{"pixel": 1, "parameter": "vmax", **row},
    ...      {"pixel": 2, "parameter": "vmax", **row, "r_hat": 1.4}]
    ... )
    >>> upscale.select_training(table).pixels.tolist()
    [1]
    """
    rules = rules or SelectionRules()
    _check(posteriors, rules)
    mean, sd = (
        posteriors.pivot(index="pixel", columns="parameter", values=name)
        for name in ("mean", "sd")
    )
    order = posteriors["parameter"].drop_duplicates()
    mean, sd = mean[order].astype(float), sd[order].astype(float)
    mean.columns.name = sd.columns.name = "parameter"
    edges = _edges(posteriors, mean)
    failed = _failures(posteriors, mean, edges, rules)
    kept = ~failed.any(axis=1)
    drop = edges & (rules.at_bound == "drop_value")
    reasons = failed.apply(
        lambda row: "; ".join(str(name) for name in row.index[row]), axis=1
    )
    return Selection(
        mean=mean[kept].mask(drop[kept]),
        sd=sd[kept].mask(drop[kept]),
        counts=_counts(failed, kept),
        reasons=reasons.rename("reason"),
        n_values_dropped=drop[kept].sum().rename("n_dropped"),
    )


def _failures(
    posteriors: pd.DataFrame,
    mean: pd.DataFrame,
    edges: pd.DataFrame,
    rules: SelectionRules,
) -> pd.DataFrame:
    """Whether each pixel fails each rule (pixel, reason)."""
    grouped = posteriors.groupby("pixel")
    failed = {"no posterior": mean.isna().any(axis=1)}
    for stream, limit in rules.max_diso.items():
        worst = grouped[f"diso_{stream}"].max().reindex(mean.index)
        failed[f"diso of {stream} not below {limit:g}"] = ~(worst < limit)
    if rules.max_r_hat is not None:
        # A maximum that passes over NaN would let a pixel without R-hat through.
        known = posteriors["r_hat"] < rules.max_r_hat
        good = known.groupby(posteriors["pixel"]).all().reindex(mean.index)
        failed[f"r_hat not below {rules.max_r_hat:g}"] = ~good
    if rules.max_surrogate_error is not None:
        worst = grouped["surrogate_error"].max().reindex(mean.index)
        limit = rules.max_surrogate_error
        failed[f"surrogate error above {limit:g}"] = ~(worst <= limit)
    if rules.at_bound == "drop_pixel":
        failed["a parameter at its bound"] = edges.any(axis=1)
    return pd.DataFrame(failed)


def _edges(posteriors: pd.DataFrame, mean: pd.DataFrame) -> pd.DataFrame:
    if "at_bound" not in posteriors:
        return pd.DataFrame(False, index=mean.index, columns=mean.columns)
    table = posteriors.pivot(index="pixel", columns="parameter", values="at_bound")
    return table[mean.columns].fillna(0).ne(0)


def _counts(failed: pd.DataFrame, kept: pd.Series) -> pd.DataFrame:
    alone = failed.sum(axis=1) == 1
    rows = {
        str(name): (int(column.sum()), int((column & alone).sum()))
        for name, column in failed.items()
    }
    n_kept = int(kept.sum())
    rows["dropped"] = (len(kept) - n_kept, int(alone.sum()))
    rows["kept"] = (n_kept, n_kept)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["n_pixels", "n_only"])
    table.index.name = "reason"
    return table


def _check(posteriors: pd.DataFrame, rules: SelectionRules) -> None:
    needed = [*_NEEDED, *(f"diso_{stream}" for stream in rules.max_diso)]
    if rules.max_r_hat is not None:
        needed.append("r_hat")
    if rules.max_surrogate_error is not None:
        needed.append("surrogate_error")
    if rules.at_bound != "keep":
        needed.append("at_bound")
    missing = [name for name in needed if name not in posteriors]
    if missing:
        raise InputError(
            f"posteriors: column {missing[0]}",
            found=f"only {', '.join(map(str, posteriors.columns))}",
            wanted=", ".join(needed),
            hint="Give the column, or switch off the rule that needs it.",
        )
    if posteriors.empty:
        raise InputError("posteriors", "no rows", "at least one calibrated pixel")
    twice = posteriors.duplicated(["pixel", "parameter"])
    n_parameters = posteriors["parameter"].nunique()
    sizes = posteriors.groupby("pixel").size()
    if twice.any() or (sizes != n_parameters).any():
        odd = (
            posteriors.loc[twice, "pixel"].iloc[0]
            if twice.any()
            else sizes.index[sizes != n_parameters][0]
        )
        raise InputError(
            f"posteriors: pixel {odd}",
            found=f"{sizes[odd]} rows",
            wanted=f"one for each of {n_parameters} parameters",
        )
