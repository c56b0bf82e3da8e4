"""Synthetic observations: the model's own output at known parameters, plus noise.

A twin tests the calibration and nothing else: the truth is known and the model is
right by construction. Whatever is made here is labelled synthetic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jobs.config.priors import priors_of
from jobs.config.schema import Config, Twin
from jobs.run.pixel import Pixel
from jobs.run.seeds import PixelStream, pixel_generator

if TYPE_CHECKING:
    import xarray as xr


SYNTHETIC = "synthetic twin: model output at known parameters, with noise"


def truth_of(config: Config, pixel: Pixel) -> dict[str, float]:
    """Return the true parameters of a pixel's twin; empty without a twin.

    Random ones lie in the middle 80 % of each prior, by the pixel's own random numbers.
    """
    if config.twin is None:
        return {}
    if config.twin.truth != "random":
        return dict(config.twin.truth)
    rng = pixel_generator(config.seed, pixel.id, PixelStream.TWIN_PARAMETERS)
    priors = priors_of(config)
    position = 0.1 + 0.8 * rng.random(len(priors))
    return {
        name: float(prior.quantile(part))
        for (name, prior), part in zip(priors.items(), position, strict=True)
    }


def observe(simulated: xr.Dataset, twin: Twin, rng: np.random.Generator) -> xr.Dataset:
    """Make 8-day observations with independent Gaussian noise.

    Parameters
    ----------
    simulated : xarray.Dataset
        Daily model output at the true parameters.
    twin : Twin
        Which streams, with how much noise.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    xarray.Dataset
        Over ``time`` (first day of each 8-day window): each stream and its ``_sd``
        in the stream's unit. LAI and GPP may come out slightly negative, as real
        products do; clipping would bias them.
    """
    import xarray as xr

    from masm.observations.windows import window_means, window_starts

    time = simulated["time"].to_numpy()
    observed = {}
    for name in sorted(twin.noise):
        noise = twin.noise[name]
        truth, keys, _ = window_means(simulated[name].to_numpy(), time, "8-day", 1.0)
        sd = np.maximum(noise.fraction * np.abs(truth), noise.floor)
        start = {"time": window_starts(keys, "8-day")}
        attrs = {"units": simulated[name].attrs["units"], "comment": SYNTHETIC}
        values = truth + sd * rng.standard_normal(truth.size)
        observed[name] = xr.DataArray(values, start, ("time",), attrs=attrs)
        observed[f"{name}_sd"] = xr.DataArray(sd, start, ("time",), attrs=attrs)
    return xr.Dataset(observed, attrs={"source": SYNTHETIC})
