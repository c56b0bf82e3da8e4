"""The synthetic domain: its weather and soils, and the soil carbon of its truth."""

import numpy as np
import pytest

from benchmarks import century_calibration, century_domain, century_twin
from landmodels import century
from landmodels.stock_streams import period_mean

from .cases import WHOLE, alpine

TWIN = WHOLE / "twin"


@pytest.fixture(scope="module")
def domain():
    if not TWIN.is_dir():
        pytest.skip(f"the synthetic domain is not at {TWIN}")
    return century_domain.domain_forcing(TWIN), century_domain.read_cells(TWIN)


def test_weather_and_soil_follow_from_the_place(domain):
    forcing, cells = domain
    for name, column in (("sand", "sand"), ("clay", "clay"), ("ph", "ph"),
                         ("bulk_density", "bd"), ("lat", "lat")):  # fmt: skip
        np.testing.assert_allclose(forcing[name], cells[column], atol=1e-6)
    np.testing.assert_array_equal(forcing["ecosystem"] == "meadow", cells["meadow"])


def test_soil_carbon_of_the_truth(domain):
    forcing, cells = domain
    chosen = np.arange(7, 600, 25)
    part = forcing.isel(cell=chosen)
    for column, parameters in (
        ("soc_truth", century.parameters_by_class(
            part["ecosystem"],
            {c: century_domain.truth()[c] for c in ("meadow", "steppe")})),
        ("soc_default", None),
    ):  # fmt: skip
        result = century.simulate(part, parameters, outputs=["soc"])
        soc = period_mean(result["soc"], "1980", "1985") / 1000.0
        # The file holds means of orbits that do not repeat in many cells; it is up
        # to 8e-4 away from stepped runs of 24,000 years, which this solver meets.
        deviation = np.abs(soc.values / cells[column][chosen].to_numpy() - 1.0)
        assert deviation.max() < 1e-3
        assert np.median(deviation) < 5e-5
        assert (deviation < 5e-4).mean() > 0.85


def test_observations_have_the_error_of_the_rule(domain):
    forcing, _ = domain
    observed = century_twin.read_observations(TWIN, forcing)
    soil = observed.month < 0
    assert (soil.sum(), (~soil).sum()) == (570, 487)
    np.testing.assert_allclose(observed.sd[soil], 0.3 * observed.value[soil])
    assert observed.sd[~soil].min() == 5.0
    np.testing.assert_array_equal(observed.sd_of_mean[~soil], observed.sd[~soil])
    assert np.ptp(observed.sd_of_mean[soil]) == 0.0


def test_a_fraction_of_each_value_pulls_a_fit_down(domain):
    samples = century_domain.read_soil_samples(TWIN)
    ratio = samples["truth"] / samples["obs"]
    assert ratio.sum() / (ratio**2).sum() == pytest.approx(0.74, abs=0.01)
    size = samples["truth"] ** 2
    assert (samples["obs"] * samples["truth"]).sum() / size.sum() == pytest.approx(
        1.0, abs=0.03
    )


def test_the_search_finds_parameters_that_fit_better():
    forcing = alpine(years=12, cells=2)
    names, _, _ = century_calibration.bounds()
    month = np.tile(np.arange(96, 144), 2)
    observed = century_calibration.Observations(
        np.repeat([0, 1], 48), month, np.zeros(96)
    )
    start = century.parameter_table().loc[names, "default"].to_numpy(float)
    true = start.copy()
    true[names.index("prdx_1")] = 0.7
    true[names.index("teff_1")] = 18.0
    made = century_calibration.predict(
        forcing, dict(zip(names, true, strict=True)), observed
    )[0]
    observed = century_calibration.Observations(observed.cell, month, made)
    residuals = century_calibration.make_residuals(forcing, observed, names)
    best, runs = century_calibration.search(residuals, start, 3)
    before, after = (residuals(x[None])[0] @ residuals(x[None])[0]
                     for x in (start, best))  # fmt: skip
    assert after < 0.2 * before
    assert runs <= 3 * 31


def test_what_is_outside_the_model_has_no_residual():
    names, _, _ = century_calibration.bounds()
    theta = century.parameter_table().loc[names, "default"].to_numpy(float)
    outside = theta.copy()
    outside[[names.index("ppdf_1"), names.index("ppdf_2")]] = 25.0
    observed = century_calibration.Observations(
        np.array([0]), np.array([3]), np.array([1.0])
    )
    residuals = century_calibration.make_residuals(
        alpine(years=12, cells=1), observed, names, spinup="start"
    )
    found = residuals(np.array([theta, outside]))
    np.testing.assert_array_equal(np.isfinite(found[:, 0]), [True, False])
