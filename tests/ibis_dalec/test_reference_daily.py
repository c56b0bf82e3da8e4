"""Runs of up to three years meet the Fortran, day by day, in every column."""

import numpy as np
import pandas as pd
import pytest

from ibis_dalec.physics import time_loop as kernel
from ibis_dalec.physics.soil_carbon import soil_carbon_day

from .driver import Lane
from .reference import DAILY, KEPT, WHOLE, read_run

RUNS = [
    "siteA_coupled_default", "siteA_coupled_set1", "siteA_prescribedLAI_default",
    "siteB_coupled_set1", "siteC_coupled_set2", "siteC_prescribedLAI_default",
]  # fmt: skip
KEPT_RUNS = ["siteA_coupled_set1", "siteB_coupled_set1"]
#: Constant biomass (kg m-2) and litter (kg m-2 yr-1) of the reference runs.
ROOT, SAPWOOD = 0.3, 8.0 * 0.1
LITTER = {"litter_leaf": 0.15, "litter_root": 0.30, "litter_wood": 0.15}


@pytest.fixture(
    scope="module",
    params=[(KEPT, name) for name in KEPT_RUNS] + [(WHOLE, name) for name in RUNS],
    ids=[f"kept-{name}" for name in KEPT_RUNS] + [f"whole-{name}" for name in RUNS],
)
def run(request):
    folder, name = request.param
    if not folder.is_dir():
        pytest.skip(f"the whole reference set is not at {folder}")
    return read_run(folder, name)


def set_biomass(lane, days_in_year):
    """Maintenance of the reference's constant biomass (mol m-2 s-1)."""
    per_second = 1000.0 / 12.0 / (days_in_year * 86400.0)
    lane["maintenance_wood"] = lane["rwood"] * per_second * SAPWOOD
    lane["maintenance_root"] = lane["rroot"] * per_second * ROOT


@pytest.fixture(scope="module")
def ours(run):
    """Our daily values under the columns' names."""
    lane = Lane(run.weather, run.parameters, lai=run.lai)
    lane.flags[kernel.SOIL_CARBON] = 1
    lane.flags[kernel.IBIS_RESPIRATION] = 1
    lane.flags[kernel.FIXED_BIOMASS] = 1
    fields = list(dict.fromkeys(field for field, _, _ in DAILY.values()))
    years = []
    for year, days in run.daily.groupby("year").groups.items():
        set_biomass(lane, 366.0 if year % 4 == 0 else 365.0)
        years.append(lane.run(range(days[0], days[-1] + 1), fields))
    found = {name: np.concatenate([y[name] for y in years]) for name in fields}
    return pd.DataFrame(
        {
            column: found[field][:, layer] if found[field].ndim > 1 else found[field]
            for column, (field, layer, _) in DAILY.items()
        }
    )


@pytest.mark.parametrize("column", DAILY)
def test_daily_values(run, ours, column):
    _, _, tolerance = DAILY[column]
    error = (ours[column] - run.daily[column]).to_numpy()
    assert np.abs(error).max() <= tolerance.largest
    assert np.sqrt(np.mean(error**2)) <= tolerance.rmse
    if np.isfinite(tolerance.annual):
        sums = run.daily.groupby("year")[column].sum()
        found = ours[column].groupby(run.daily.year).sum()
        counts = sums > tolerance.from_sum
        assert np.allclose(found[counts], sums[counts], rtol=tolerance.annual, atol=0)


def test_net_exchange_of_dalec(run, ours):
    nee = ours["ra_dalec"] + ours["rh_dalec"] - ours["gpp"]
    assert np.abs(nee - run.daily.nee_dalec).max() <= 2e-3


def test_soil_carbon_of_ibis_with_constant_litter(run):
    """The pools follow the printed factors of the day before, to their digits."""
    lane = Lane(run.weather, run.parameters)
    factors = run.daily[["decompl", "decomps"]].shift(1, fill_value=0.0)
    litter, soil, respired = [], [], []
    for (_, factor), year in zip(factors.iterrows(), run.daily.year, strict=True):
        for name, value in LITTER.items():
            lane[name] = 1e3 * value / (366.0 if year % 4 == 0 else 365.0)
        lane["decompl"], lane["decomps"] = factor
        soil_carbon_day(lane.workspace[0])
        litter.append(lane["soilc"][:9].sum())
        soil.append(lane["soilc"][9:].sum())
        respired.append(float(lane["rh_soilc"]))
    np.testing.assert_allclose(litter, run.daily.totlit, rtol=1e-7)
    np.testing.assert_allclose(soil, run.daily.totcsoi, rtol=1e-7)
    np.testing.assert_allclose(respired, run.daily.rh_ibis, rtol=1e-6, atol=1e-7)
