"""Carbon, nitrogen and water in equal what goes out and what stays."""

import numpy as np
import pytest

from landmodels import century

from .cases import alpine, prior_samples

POOLS = ("struc{}1", "struc{}2", "metab{}1", "metab{}2", "som1{}1", "som1{}2",
         "som2{}1", "som2{}2", "som3{}")  # fmt: skip
CASES = {
    "plain": {},
    "wet soil, five layers, growth all year": {
        "drain": 0.3, "nlayer": 5, "frst": 1, "last": 12,
    },
    "shallow roots, southern calendar": {
        "nlaypg": 2, "frst": 9, "last": 4, "senm": 4,
    },
    "slopes of root C:N": {"prbmn_2": 0.1, "prbmx_2": 0.2},
}  # fmt: skip


@pytest.fixture(scope="module", params=CASES, ids=str)
def run(request):
    """Twenty years of ten parameter vectors in two cells, from the start state."""
    forcing = alpine(years=20, cells=2, seed=7)
    parameters = prior_samples(10) | CASES[request.param]
    return forcing, century.simulate_batch(forcing, parameters, spinup="start")


def stock(result, names):
    return sum(result[name] for name in names)


def assert_closed(change, flux, tolerance):
    assert float(np.abs(flux).max()) > 0.0
    np.testing.assert_allclose(change, flux, rtol=0, atol=tolerance)


def test_carbon(run):
    _, r = run
    names = [n.format("c") for n in POOLS] + ["aglivc", "stdedc", "bglivc"]
    change = stock(r, names).diff("time")
    flux = (r["npp"] - r["rh"] - r["stream_orgc"]).isel(time=slice(1, None))
    assert_closed(change, flux, 1e-10)


def test_nitrogen(run):
    _, r = run
    names = [n.format("e") for n in POOLS] + ["aglive", "stdede", "bglive", "crpstg"]
    names += [f"minerl{k}" for k in range(1, 7)]
    change = stock(r, names).diff("time")
    gain = r["wdfxma"] + r["wdfxms"]
    loss = stock(r, ["volgm", "volex", "volpl", "stream_minn", "stream_orgn"])
    assert_closed(change, (gain - loss).isel(time=slice(1, None)), 1e-10)


def test_water(run):
    forcing, r = run
    names = [f"asmos{k}" for k in range(1, 7)] + ["snow", "snlq"]
    change = stock(r, names).diff("time")
    loss = (r["evap"] + r["tran"] + r["stream_h2o"]).isel(time=slice(1, None))
    gain = (forcing["prec"] / 10.0).isel(time=slice(1, None))
    assert_closed(change, (gain - loss).transpose(*change.dims), 1e-9)


def test_nothing_is_negative_or_missing(run):
    _, r = run
    names = [n.format("c") for n in POOLS] + [n.format("e") for n in POOLS]
    for name in [*names, "aglivc", "bglivc", "snow", "npp", "rh", "evap"]:
        assert float(r[name].min()) >= 0.0, name
    # A demand of less than 0.01 cm is shifted from the rain to the soil.
    assert float(r["tran"].min()) >= -0.01
    assert np.isfinite(r["final_state"]).all()


def test_nep_is_uptake_minus_respiration(run):
    _, r = run
    np.testing.assert_array_equal(r["nep"], r["npp"] - r["rh"])
    assert r["nep"].attrs["units"] == "g m-2 month-1"
