"""A small seasonal model whose truth is known, shared by the tests of masm."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm

TIME = pd.date_range("2001-01-01", "2003-12-31")
PRIORS = {"peak": (2.0, 20.0), "width": (20.0, 120.0), "centre": (120.0, 240.0)}


def seasonal_model(theta):
    """Growing season as a bell over the year; LAI follows its square root."""
    day = TIME.day_of_year.to_numpy()
    peak, width, centre = (theta[name][:, None] for name in PRIORS)
    season = np.exp(-0.5 * ((day - centre) / width) ** 2)
    return xr.Dataset(
        {
            "gpp": (("sample", "time"), peak * season, {"units": "g m-2 d-1"}),
            "lai": (("sample", "time"), 5.0 * np.sqrt(season), {"units": "1"}),
        },
        coords={"time": TIME},
    )


@dataclass(frozen=True)
class Twin:
    """A model, observations made with known parameters, and those parameters."""

    model: object
    targets: xr.Dataset
    priors: dict
    truth: pd.Series


@pytest.fixture
def twin():
    truth = pd.Series({"peak": 9.0, "width": 55.0, "centre": 190.0})
    made = seasonal_model(masm.Samples([list(truth)], list(truth.index)))
    targets = made.isel(sample=0).drop_vars("lai").copy(deep=True)
    rng = np.random.default_rng(0)
    targets["gpp"] += rng.normal(0.0, 1.5, TIME.size)
    targets["gpp"].attrs["units"] = "g m-2 d-1"
    targets["gpp_sd"] = ("time", np.full(TIME.size, 1.5))
    return Twin(seasonal_model, targets, dict(PRIORS), truth)


@pytest.fixture
def twin_streams(twin):
    """The same twin with LAI observed as well."""
    made = seasonal_model(masm.Samples([list(twin.truth)], list(twin.truth.index)))
    targets = twin.targets.copy(deep=True)
    rng = np.random.default_rng(1)
    lai = made["lai"].isel(sample=0).to_numpy() + rng.normal(0.0, 0.5, TIME.size)
    targets["lai"] = ("time", lai, {"units": "m2 m-2"})
    targets["lai_variance"] = ("time", np.full(TIME.size, 0.25))
    return Twin(twin.model, targets, twin.priors, twin.truth)


@pytest.fixture
def quick():
    """Few steps of the published loop, enough for three parameters."""
    return {
        "method": "published",
        "n_initial_per_parameter": 12,
        "n_iterations": 12,
        "n_steps": 2000,
        "n_draws": 20_000,
        "n_check": 10,
    }
