"""Information content of a calibration against closed forms."""

import numpy as np
import pytest
import xarray as xr

import masm
from masm.errors import InputError

TIME = np.arange("2001-01-01", "2001-02-10", dtype="datetime64[D]")
N = TIME.size
PRIORS = {n: masm.TransformedNormal(-40.0, 40.0, center=0.0, scale=1.0)
          for n in ("a", "b")}  # fmt: skip
TARGETS = [
    masm.Target("gpp", "gpp", "annual", "g m-2 yr-1"),
    masm.Target("stock", "stock", "final", "g m-2"),
    masm.Target("nep", "nee", "annual", "g m-2 yr-1", sign=-1.0),
]
SLOPES = {
    "gpp": np.stack([np.ones(N), np.zeros(N)], axis=1),
    "nee": np.stack([np.ones(N), np.ones(N)], axis=1),
    "stock": np.stack([np.zeros(N), np.arange(N, dtype=float)], axis=1),
}
UNITS = {"gpp": "g m-2 d-1", "nee": "g m-2 d-1", "stock": "g m-2"}


def simulate(theta):
    given = dict(theta)
    x = np.stack([np.atleast_1d(given[n]) for n in ("a", "b")], axis=-1)
    made = {n: (("sample", "time"), x @ s.T, {"units": UNITS[n]})
            for n, s in SLOPES.items()}  # fmt: skip
    return xr.Dataset(made, coords={"time": TIME})


class Exact:
    def __call__(self, theta):
        return simulate(theta)

    def vjp(self, theta):
        names = ("gpp", "nee", "stock")
        return simulate(theta).isel(sample=0), lambda w: sum(
            SLOPES[n].T @ w[n] for n in names if n in w
        )

    def jacobian(self, theta, names):
        columns = [("a", "b").index(n) for n in names]
        rows = {n: s[:, columns] for n, s in SLOPES.items()}
        return simulate(theta).isel(sample=0), rows


def observed():
    rows = {}
    for name, sd in (("gpp", 2.0), ("nee", 3.0)):
        attrs = {"units": UNITS[name]}
        rows[name] = ("time", np.full(N, 0.5), attrs)
        rows[f"{name}_sd"] = ("time", np.full(N, sd), attrs)
    return xr.Dataset(rows, coords={"time": TIME})


@pytest.mark.parametrize("model", [Exact(), simulate], ids=["exact", "differences"])
def test_reductions_of_a_linear_model_are_the_closed_form(model):
    found = masm.calibrated_information(
        model, observed(), PRIORS, {"a": 0.3, "b": 0.2}, targets=TARGETS
    )
    # Windows of 8 days: the mean of independent errors, as the likelihood has it.
    streams = masm.streams_from_dataset(observed())
    precision = {n: np.sum(1.0 / s.aggregate().variance) for n, s in streams.items()}
    a = np.linalg.inv(
        precision["gpp"] * np.outer([1, 0], [1, 0])
        + precision["nee"] * np.outer([1, 1], [1, 1])
        + np.eye(2)
    )
    tolerance = 1e-9 if found.exact else 1e-3
    np.testing.assert_allclose(found.content.covariance["all"], a, rtol=tolerance)
    np.testing.assert_allclose(found.slopes, 1.0, rtol=1e-9)
    rows = np.array([[365.25, 0.0], [0.0, N - 1.0], [-365.25, -365.25]])
    sd = np.sqrt(np.diag(rows @ a @ rows.T))
    np.testing.assert_allclose(found.content.target_sd["all"], sd, rtol=tolerance)
    np.testing.assert_allclose(found.target_values, rows @ [0.3, 0.2], rtol=1e-9)
    for name, covariance in found.content.covariance.items():
        # A <= A without a stream <= B = 1.
        for more in (covariance - found.content.covariance["all"],
                     np.eye(2) - covariance):  # fmt: skip
            assert np.linalg.eigvalsh(more).min() > -1e-10, name
    without = found.content.reduction["without nee"]
    assert without[1] == pytest.approx(0.0, abs=1e-9)


def test_exact_derivatives_of_a_model_without_them_are_refused():
    with pytest.raises(InputError, match="no exact derivatives"):
        masm.calibrated_information(
            simulate, observed(), PRIORS, {}, derivatives="exact"
        )


def test_a_negative_variance_is_refused():
    data = observed()
    data["gpp_sd"][3] = -1.0
    with pytest.raises(InputError):
        masm.calibrated_information(simulate, data, PRIORS, {})
