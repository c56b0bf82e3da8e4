"""Sensitivity of a model's outputs by sums of squares of a regression.

Parameter sets drawn from the priors are run, outputs are reduced to their means, and
`masm.sensitivity.sums_of_squares` finds what fraction of each output's variance a
parameter has (Dokoohaki et al. 2021, section 2.2). The result has the form that
`masm.screen` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from masm.errors import CalibrationFailed, InputError
from masm.observations.dataset import ErrorOptions
from masm.problem.priors import as_priors
from masm.problem.seeds import ScreeningStream, Seed, seed_sequence
from masm.runners.series_runner import Model
from masm.sensitivity.outputs import (
    Reducer,
    independent,
    make_reducer,
    run_design,
)
from masm.sensitivity.sums_of_squares import (
    PRODUCTS,
    half_widths,
    least_draws,
    sums_of_squares,
)
from masm.types import Array

if TYPE_CHECKING:
    import xarray as xr

_SPARE = 1.5  # draws beyond the least number, for runs that fail
_LEAST_KEPT = 10  # parameters that there is room for products among


def default_draws(n_parameters: int, products: str = "all") -> int:
    """Draws made unless asked otherwise: half as many again as the least number.

    For ``products="screened"`` there is room for products among a third of them, and
    among ten or more.

    Examples
    --------
    >>> default_draws(33), default_draws(33, "none")
    (2529, 153)
    """
    least = least_draws(n_parameters, products=products == "all")
    if products == "screened":
        kept = min(n_parameters, max(_LEAST_KEPT, n_parameters // 3))
        least += least_draws(kept) - least_draws(kept, products=False)
    return int(np.ceil(_SPARE * least))


def regression_effects(
    model: Model,
    priors: Any,
    *,
    seed: Seed,
    streams: Sequence[str] | None = None,
    observations: Any = None,
    n_draws: int | None = None,
    products: str = "all",
    samples_per_call: int = 256,
    on_runs: Callable[[int], None] | None = None,
    **options: Unpack[ErrorOptions],
) -> xr.Dataset:
    """Find the part of each parameter, and of each pair, in the variance of outputs.

    Parameters
    ----------
    model, priors, seed, streams, observations, samples_per_call, on_runs
        As for `masm.screen`; the priors may have no constraints, since the split of
        variance needs independent parameters.
    n_draws : int, optional
        Model runs; half as many again as three for each coefficient if not given.
    products : {"all", "screened", "none"}
        As for `masm.sums_of_squares`.
    **options
        ``variance``, ``windows`` and ``errors`` of `masm.calibrate`.

    Returns
    -------
    xarray.Dataset
        Over (stream, statistic, parameter): ``effect`` (total fraction less what chance
        alone gives), ``effect_conf`` (half width of its 95 % interval, by leaving out
        a tenth of the draws at a time; wide, since the draws are evenly spread),
        ``main``, ``total`` and ``by_chance``;
        ``product`` over two parameters; ``r2``, ``adjusted_r2`` and ``describes``
        over (stream, statistic). All of unit 1; NaN for an output that does not vary.

    Raises
    ------
    InputError
        Constraints, or fewer than three draws for each coefficient: before any run.
    CalibrationFailed
        If failed runs leave too few draws: ``model_nan``.

    References
    ----------
    Dokoohaki et al. (2021), gmd-2021-236, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import masm
    >>> def model(theta):
    ...     return {"y": (theta["a"] + 2.0 * theta["b"])[:, None] * np.ones(3)}
    >>> priors = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    >>> effects = masm.regression_effects(model, priors, seed=1, streams=["y"])
    >>> effects["main"].sel(stream="y", statistic="annual").round(1).values.tolist()
    [0.2, 0.7]
    """
    priors = as_priors(priors)
    independent(priors, "sums of squares")
    if products not in PRODUCTS:
        raise InputError("products", found=repr(products), wanted=" or ".join(PRODUCTS))
    n = default_draws(len(priors), products) if n_draws is None else n_draws
    refuse_few_draws(n, len(priors), products)
    reducer = make_reducer(model, streams, observations, samples_per_call, **options)
    rng = np.random.default_rng(seed_sequence(seed, ScreeningStream.SUMS_OF_SQUARES))
    # Evenly spread points: columns of the regression are nearly orthogonal.
    from scipy.stats import qmc  # half a second to import

    points = qmc.Sobol(len(priors), rng=rng).random_base2(int(np.ceil(np.log2(n))))
    u = np.asarray(points[:n])
    outputs = run_design(reducer, priors, u, samples_per_call, on_runs)
    whole = np.isfinite(outputs[..., 0]).all(axis=1)
    try:
        return _dataset(
            u[whole], outputs[whole], priors.names, reducer, products, int(n)
        )
    except InputError as exc:
        if whole.all():
            raise
        raise CalibrationFailed(
            f"{int((~whole).sum())} of {n} runs failed, which leaves too few; first "
            f"failure: {reducer.failures[0]}. {exc}",
            reason="model_nan",
        ) from exc


def refuse_few_draws(n: int, n_parameters: int, products: str) -> None:
    """Refuse draws that cannot settle the coefficients.

    Products that are screened first need draws for the main effects alone.

    Raises
    ------
    InputError
        With the numbers found and wanted.
    """
    least = least_draws(n_parameters, products=products == "all")
    if n < least:
        hint = "Products of parameters with a main effect alone need fewer: screened."
        raise InputError(
            f"too few draws for sums of squares of {n_parameters} parameters",
            found=f"{n} draws",
            wanted=f"{least} or more: three for each of {least // 3} coefficients",
            hint=hint if products == "all" else "",
        )


def _dataset(
    u: Array,
    outputs: Array,
    names: Sequence[str],
    reducer: Reducer,
    products: str,
    n_asked: int,
) -> xr.Dataset:
    """Shares of every output that has a value in all runs."""
    import xarray as xr

    n_streams, n_statistics = outputs.shape[1:]
    flat = outputs.reshape(len(u), n_streams * n_statistics)
    usable = np.isfinite(flat).all(axis=0)
    if not usable.any():
        raise InputError("outputs", found="NaN in every draw", wanted="numbers")
    found = sums_of_squares(u, flat[:, usable], names=names, products=products)
    shape = (n_streams, n_statistics)

    def spread(values: Array) -> Array:
        full = np.full((usable.size, *values.shape[1:]), np.nan)
        full[usable] = values
        return full.reshape(*shape, *values.shape[1:])

    effect = found.total - found.total_by_chance
    conf = half_widths(u, flat[:, usable], found)
    dims = ("stream", "statistic", "parameter")
    labels = {
        "effect": (effect, "total fraction less what chance alone gives"),
        "effect_conf": (conf, "half width of the 95 % interval of effect"),
        "main": (found.main, "share of the main effect"),
        "total": (found.total, "share of the main effect and all products"),
        "by_chance": (found.total_by_chance, "total fraction that chance alone gives"),
    }
    data: dict[str, Any] = {
        name: (dims, spread(values), {"units": "1", "long_name": text})
        for name, (values, text) in labels.items()
    }
    data["product"] = (
        (*dims, "parameter_2"),
        spread(found.product),
        {"units": "1", "long_name": "share of the product of two parameters"},
    )
    for name, values in (("r2", found.r2), ("adjusted_r2", found.adjusted_r2)):
        data[name] = (dims[:2], spread(values), {"units": "1"})
    data["describes"] = (
        dims[:2],
        spread(np.where(np.isfinite(found.r2), found.describes, np.nan)),
        {"long_name": "1 where the adjusted R2 is at least 0.8, else 0"},
    )
    data["n_used"] = ((), found.n_draws, {"long_name": "runs used"})
    data["n_dropped"] = ((), n_asked - found.n_draws, {"long_name": "runs dropped"})
    data["n_failed_runs"] = ((), len(reducer.failures), {"long_name": "failed runs"})
    data["n_coefficients"] = ((), found.n_coefficients, {"long_name": "coefficients"})
    coords = {
        "stream": list(reducer.streams),
        "statistic": list(reducer.statistics),
        "parameter": list(names),
        "parameter_2": list(names),
        "units": ("stream", [reducer.units[name] for name in reducer.streams]),
    }
    attrs = {"method": "sums_of_squares", "title": "sums of squares of a regression"}
    return xr.Dataset(data, coords, attrs)


def described(effects: xr.Dataset) -> NDArray[np.bool_]:
    """Streams whose fractions describe the model, (stream,), in all statistics."""
    lacks = (effects["describes"] == 0.0).any(
        [dim for dim in effects["describes"].dims if dim != "stream"]
    )
    return np.asarray(~lacks.to_numpy(), bool)
