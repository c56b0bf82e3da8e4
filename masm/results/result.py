"""What a calibration gives: the posterior, how it was made, how far to trust it.

A `Result` is a handful of labelled datasets with the names ArviZ knows (posterior,
prior, sample_stats, posterior_predictive, prior_predictive, log_likelihood,
observed_data, constant_data) and some of its own: runs, every model run made;
predictive_runs, those at posterior draws; fit, the scores of default and calibrated
parameters; and error_scale, factors on the errors of streams where they are unknown.
On disk each is a group of one netCDF-4 file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from masm.errors import InputError
from masm.files import is_of_the_system, replacing
from masm.hdf5_files import plain_stream, read_image, seal, unsealed, write_netcdf

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from masm.results.equifinality import Equifinality


ARVIZ_GROUPS = (
    "posterior",
    "sample_stats",
    "log_likelihood",
    "posterior_predictive",
    "prior",
    "prior_predictive",
    "observed_data",
    "constant_data",
)
_SMALL = 4096
"""Bytes below which a variable is written in one piece."""
CONVERGENCE = ("r_hat", "ess_bulk", "ess_tail", "r_hat_gr")


@dataclass(frozen=True)
class Result:
    """A finished calibration.

    Attributes
    ----------
    groups : mapping of str to xarray.Dataset
        The datasets described in `masm.results.result`; missing ones do not apply.
    attrs : mapping
        Numbers and texts about the whole: method, seed, status, counts.

    Examples
    --------
    >>> import numpy as np, xarray as xr, masm
    >>> draws = np.random.default_rng(1).normal(3.0, 0.5, (4, 200))
    >>> posterior = xr.Dataset({"a": (("chain", "draw"), draws)})
    >>> result = masm.Result({"posterior": posterior}, {"status": "done"})
    >>> result.status, list(result.mean.index)
    ('done', ['a'])
    >>> round(float(result.mean["a"]))
    3
    """

    groups: Mapping[str, xr.Dataset]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws, one variable (chain, draw) for each parameter."""
        return self.groups["posterior"]

    @property
    def prior(self) -> xr.Dataset:
        """Draws from the prior, (chain, draw)."""
        return self.groups["prior"]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the calibrated parameters, in the priors' order."""
        return tuple(str(name) for name in self.posterior.data_vars)

    @property
    def n_model_runs(self) -> int:
        """Every model run the calibration asked for, failed ones included."""
        return int(self.attrs["n_model_runs"])

    @property
    def n_failed_runs(self) -> int:
        """How many of them failed."""
        return int(self.attrs["n_failed_runs"])

    @property
    def surrogate_rmse(self) -> float:
        """Error of the surrogate's cost against the model's; the worst block's."""
        return float(self.attrs["surrogate_rmse"])

    @property
    def status(self) -> str:
        """``"done"``, or ``"suspect"``: look before using it."""
        return str(self.attrs["status"])

    @property
    def reason(self) -> str:
        """Why it is suspect; empty when done."""
        return str(self.attrs["reason"])

    @property
    def caution(self) -> str:
        """What to know of the intervals whatever the status says; often empty."""
        return str(self.attrs.get("caution", ""))

    @cached_property
    def mean(self) -> pd.Series:
        """Posterior mean of each parameter."""
        return self._each(lambda draws: float(np.mean(draws)))

    @cached_property
    def sd(self) -> pd.Series:
        """Posterior standard deviation of each parameter; NaN for a mere point."""
        if not self.has_spread:
            return self._each(lambda draws: math.nan)
        return self._each(lambda draws: float(np.std(draws, ddof=1)))

    @property
    def has_spread(self) -> bool:
        """Whether there are draws, and not the best point of an optimiser alone."""
        return math.prod(self.posterior.sizes.values()) > 1

    @cached_property
    def best(self) -> pd.Series:
        """Parameters of the model run with the lowest cost (of the last block)."""
        import pandas as pd

        runs = self.groups["runs"]
        cost = runs["cost"].where(runs["block"] == runs["block"].max())
        row = runs.isel(run=int(cost.argmin("run", skipna=True)))
        return pd.Series({name: float(row[name]) for name in self.parameters})

    @property
    def fit(self) -> pd.DataFrame:
        """Scores of each stream with default and with calibrated parameters.

        Model runs, one for each ``stage``: "default", the posterior mean after each
        block ("calibrated" after the last) and "best run", see `best`. Columns as in
        `masm.results.scores.scores` and ``cost``. Empty when the model only returns a
        cost.
        """
        import pandas as pd

        if "fit" not in self.groups:
            return pd.DataFrame()
        return self.groups["fit"].to_dataframe()

    def _each(self, number: Any) -> pd.Series:
        import pandas as pd

        return pd.Series(
            {name: number(self.posterior[name].to_numpy()) for name in self.parameters}
        )

    @property
    def error_scale(self) -> xr.Dataset | None:
        """Draws of unknown factors on the errors of streams, (chain, draw); or None.

        One variable for each stream of `masm.SampledVariance`.
        """
        return self.groups.get("error_scale")

    def summary_of_errors(self) -> pd.DataFrame:
        """One row for each stream whose errors have an unknown factor.

        Columns as in `summary`; empty where all are known.
        """
        return _table(self.error_scale, spread=True)

    def summary(self) -> pd.DataFrame:
        """One row for each parameter.

        Columns: mean, sd, q05, q50, q95; r_hat, ess_bulk and ess_tail
        (rank-normalised, ArviZ); r_hat_gr (the source paper's eq. 9); at_bound
        ("low", "high" or empty); unit (of mean, sd and quantiles; empty if the prior
        has none). Of an optimiser's result the mean is its point, and what would
        describe a spread is NaN.
        """
        return _table(self.posterior, spread=self.has_spread)

    def equifinality(self) -> Equifinality:
        """Say what the observations leave open; see `masm.results.equifinality`.

        Correlations, the fraction of the prior's variance that is left along each
        direction, and how many directions the observations constrain.
        """
        from masm.results.equifinality import equifinality

        return equifinality(self.posterior, self.groups["prior"])

    def to_datatree(self) -> xr.DataTree:
        """Return all groups as one tree."""
        import xarray as xr

        tree: dict[str, Any] = {"/": xr.Dataset(attrs=dict(self.attrs))}
        tree.update(self.groups)
        return xr.DataTree.from_dict(tree)

    def to_arviz(self) -> Any:
        """Return the result as ArviZ takes it, for any of its plots and statistics.

        An ``InferenceData`` with ArviZ before 1.0, an ``xarray.DataTree`` from then
        on, of the groups that ArviZ knows.

        Examples
        --------
        >>> import arviz as az                              # doctest: +SKIP
        >>> az.plot_ppc(result.to_arviz())                  # doctest: +SKIP
        >>> az.loo(result.to_arviz(), var_name="gpp", reff=1)   # doctest: +SKIP
        """
        import xarray as xr

        from masm.samplers.diagnostics import arviz

        az = arviz()
        groups = {k: self.groups[k] for k in ARVIZ_GROUPS if k in self.groups}
        if az.__version__.startswith("0."):
            return az.InferenceData(**groups)
        return xr.DataTree.from_dict({f"/{k}": group for k, group in groups.items()})

    def plot_posterior(
        self,
        parameters: Sequence[str] | None = None,
        truth: Mapping[str, float] | None = None,
    ) -> Any:
        """Draw each parameter's posterior; see `masm.results.plots.plot_posterior`."""
        from masm.results.plots import plot_posterior

        return plot_posterior(self, parameters, truth)

    def plot_pair(self, parameters: Sequence[str] | None = None) -> Any:
        """Draw pairs of parameters; see `masm.results.plots.plot_pair`."""
        from masm.results.plots import plot_pair

        return plot_pair(self, parameters)

    def plot_rank(self, parameters: Sequence[str] | None = None) -> Any:
        """Draw ranks of each chain's draws; see `masm.results.plots.plot_rank`."""
        from masm.results.plots import plot_rank

        return plot_rank(self, parameters)

    def plot_fit(self) -> Any:
        """Draw observations and model runs; see `masm.results.plots.plot_fit`."""
        from masm.results.plots import plot_fit

        return plot_fit(self)

    def plot_predictive(self) -> Any:
        """Draw the predictive check; see `masm.results.plots.plot_predictive`."""
        from masm.results.plots import plot_predictive

        return plot_predictive(self)

    def to_netcdf(self, path: str | os.PathLike[str]) -> None:
        """Write a netCDF-4 file; ``arviz.from_netcdf`` and `open_result` read it.

        Written aside and then put in place, so that a file with this name is
        always whole.
        """
        tree = self.to_datatree()
        # Not the draws: they hardly shrink, and reading them would take four times
        # as long. Not what is small: the index of its pieces would be larger.
        encoding = {
            f"/{group}": {
                name: {"zlib": True, "complevel": 1, "shuffle": True}
                for name, variable in dataset.data_vars.items()
                if variable.dtype.kind == "f" and variable.nbytes >= _SMALL
            }
            for group, dataset in self.groups.items()
            if group != "posterior"
        }
        with replacing(path) as aside:
            write_netcdf(tree, aside, encoding=encoding)
            seal(aside)

    def __repr__(self) -> str:
        return (
            f"<masm.Result {self._headline()}>\n"
            f"{self.summary().to_string(float_format=_short, na_rep='-')}"
            + (f"\n{self.caution}" if self.caution else "")
        )

    def _repr_html_(self) -> str:
        """Show the result in a notebook; names and messages are escaped."""
        caution = f"<p>{escape(self.caution)}</p>" if self.caution else ""
        table = self.summary().to_html(float_format=_short, na_rep="–", border=0)
        head = f"<p><strong>masm.Result</strong> {escape(self._headline())}</p>"
        return f"<div>{head}{table}{caution}</div>"

    def _headline(self) -> str:
        verdict = self.status + (f" ({self.reason})" if self.reason else "")
        return (
            f"{verdict}: {len(self.parameters)} parameters, "
            f"{self.n_model_runs} model runs, {self.n_failed_runs} failed"
        )


def _short(number: float) -> str:
    return f"{number:.4g}"


def _table(draws: xr.Dataset | None, *, spread: bool) -> pd.DataFrame:
    import pandas as pd

    rows = {}
    for name, variable in () if draws is None else draws.data_vars.items():
        values = variable.to_numpy()
        q05 = q50 = q95 = sd = math.nan
        if spread:
            q05, q50, q95 = np.quantile(values, [0.05, 0.5, 0.95])
            sd = float(np.std(values, ddof=1))
        rows[str(name)] = {
            "mean": float(np.mean(values)),
            "sd": sd,
            "q05": q05,
            "q50": q50,
            "q95": q95,
            **{key: float(variable.attrs[key]) for key in CONVERGENCE},
            "at_bound": str(variable.attrs["at_bound"]),
            "unit": str(variable.attrs.get("units") or ""),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def open_result(path: str | os.PathLike[str] | bytes) -> Result:
    """Read a result written by `Result.to_netcdf`, wholly into memory.

    Parameters
    ----------
    path : path-like or bytes
        The file, or its content.

    Raises
    ------
    InputError
        If it is not such a file, or is damaged.

    Examples
    --------
    >>> import numpy as np, xarray as xr, masm
    >>> draws = np.random.default_rng(1).normal(3.0, 0.5, (4, 200))
    >>> posterior = xr.Dataset({"a": (("chain", "draw"), draws)})
    >>> result = masm.Result({"posterior": posterior}, {"status": "done"})
    >>> result.to_netcdf("posterior.nc")
    >>> masm.open_result("posterior.nc").status
    'done'
    """
    import xarray as xr

    name = "in memory" if isinstance(path, bytes) else os.fspath(path)
    try:
        whole = unsealed(path, name) if isinstance(path, bytes) else read_image(path)
        stream = plain_stream(whole)
        with xr.open_datatree(stream, engine="h5netcdf") as tree:
            groups = {
                name: node.to_dataset().load() for name, node in tree.children.items()
            }
            attrs = {str(key): _plain(value) for key, value in tree.attrs.items()}
    except MemoryError:
        raise
    except Exception as exc:  # whatever a damaged file makes of the reader
        if isinstance(exc, OSError) and is_of_the_system(exc):
            raise
        raise InputError(
            f"result {name} cannot be read",
            found=str(exc),
            wanted="a netCDF file written by Result.to_netcdf",
        ) from exc
    if "posterior" not in groups:
        raise InputError(
            f"result {name} has no posterior",
            found=f"groups {', '.join(groups) or 'none'}",
            wanted="a netCDF file written by Result.to_netcdf",
        )
    return Result(groups, attrs)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
