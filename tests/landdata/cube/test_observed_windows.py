"""A user's product on the 8-day windows that a cube holds."""

import numpy as np
import pandas as pd
import pytest

from landdata.cube.observed_windows import on_windows
from landdata.errors import InputError

DAYS = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]")


def test_days_become_means_of_windows_with_the_error_of_a_mean():
    rng = np.random.default_rng(0)
    values = rng.normal(5.0, 1.0, (3, DAYS.size))
    values[1, 0:5] = np.nan  # three of eight are too few
    values[2, 0:3] = np.nan  # five of eight will do
    starts, mean, error = on_windows(DAYS, values, np.ones_like(values), "mine")
    assert starts.size == 46
    window = (pd.DatetimeIndex(DAYS).day_of_year - 1) // 8
    expected = pd.Series(values[0]).groupby(window).mean().to_numpy()
    assert mean[0] == pytest.approx(expected)
    assert error[0, :2] == pytest.approx(1.0 / np.sqrt(8.0))
    assert np.isnan(mean[1, 0])
    assert mean[2, 0] == pytest.approx(values[2, 3:8].mean())
    assert error[2, 0] == pytest.approx(1.0 / np.sqrt(5.0))


def test_composites_are_taken_as_they_are():
    starts = DAYS[::8]
    values = np.arange(46.0)[None]
    found = on_windows(starts, values, values, "mine")
    assert found[1] is values
    assert (found[0] == starts).all()


@pytest.mark.parametrize(
    "days",
    [
        np.arange("2001-01", "2002-01", dtype="datetime64[M]").astype("datetime64[D]"),
        DAYS[1::8],
        DAYS[3::16],
    ],
)
def test_other_intervals_are_refused(days):
    values = np.ones((1, days.size))
    with pytest.raises(InputError, match="8-day means"):
        on_windows(days, values, values, "catalogue.yaml  products.mine, 2001")
