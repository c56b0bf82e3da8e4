import numpy as np
import pandas as pd
import pytest

import masm
from masm.observations.windows import (
    plan_aggregation,
    window_keys,
    window_lengths,
    window_means,
    window_starts,
)

TIME = pd.date_range("2003-01-01", "2005-12-31")  # 2004 has a leap day
VALUES = np.random.default_rng(5).normal(size=TIME.size)


def by_pandas(values=VALUES, time=TIME):
    series = pd.Series(values, index=time)
    return series.groupby([time.year, (time.day_of_year - 1) // 8]).mean().to_numpy()


def test_eight_day_means_are_a_groupby_of_year_and_day_of_year():
    mean, keys, count = window_means(VALUES, TIME, "8-day", 1.0)
    assert mean == pytest.approx(by_pandas(), abs=1e-14)
    assert len(keys) == 3 * 46
    assert set(count) == {5, 6, 8}


def test_the_model_is_averaged_as_the_observations_are():
    _, keys, _ = window_means(VALUES, TIME, "8-day", 1.0)
    aggregate = plan_aggregation(TIME, keys, "8-day")
    batch = np.stack([VALUES, 2.0 * VALUES])
    assert aggregate(batch) == pytest.approx(np.stack([by_pandas(), 2 * by_pandas()]))


def test_windows_restart_on_the_first_of_january():
    keys = window_keys(pd.to_datetime(["2003-12-31", "2004-01-01"]), "8-day")
    assert keys.tolist() == [2003045, 2004000]
    assert window_starts(keys, "8-day").astype("datetime64[D]").astype(
        str
    ).tolist() == [
        "2003-12-27",
        "2004-01-01",
    ]
    assert window_lengths(np.array([2003045, 2004045, 2004000]), "8-day").tolist() == [
        5,
        6,
        8,
    ]


@pytest.mark.parametrize("windows", ["month", "year", "16-day", "1-day"])
def test_window_lengths_add_up_to_the_years(windows):
    keys = np.unique(window_keys(TIME, windows))
    assert window_lengths(keys, windows).sum() == TIME.size
    starts = window_starts(keys, windows)
    assert np.array_equal(window_keys(starts, windows), keys)
    assert np.all(np.diff(starts) > np.timedelta64(0, "D"))


def test_months_are_a_groupby_of_months():
    mean, _, _ = window_means(VALUES, TIME, "month", 1.0)
    expected = pd.Series(VALUES, TIME).resample("MS").mean().to_numpy()
    assert mean == pytest.approx(expected)


def test_a_window_with_too_few_values_does_not_count():
    gappy = VALUES.copy()
    gappy[:5] = np.nan  # three of eight days left
    gappy[8:12] = np.nan  # four of eight
    mean, keys, _ = window_means(gappy, TIME, "8-day", 0.5)
    assert keys[:2].tolist() == [2003001, 2003002]
    assert mean[0] == pytest.approx(VALUES[12:16].mean())


def test_four_day_composites_need_half_of_what_a_window_can_hold():
    time = TIME[::4]
    values = np.arange(time.size, dtype=float)
    values[0] = np.nan
    mean, keys, _ = window_means(values, time, "8-day", 0.5)
    assert keys[0] == 2003000
    assert mean[0] == 1.0


def test_a_gap_in_the_observations_is_a_gap_in_the_model_too():
    observed = np.r_[0:3, 6:8]
    days = window_keys(TIME[observed], "1-day")
    aggregate = plan_aggregation(TIME, np.array([2003000]), "8-day", days=days)
    assert aggregate(VALUES[None])[0, 0] == pytest.approx(VALUES[observed].mean())


def test_nan_harms_only_the_window_it_is_in():
    bad = VALUES.copy()
    bad[3] = np.nan
    keys = np.array([2003000, 2003001])
    result = plan_aggregation(TIME, keys, "8-day")(bad[None])[0]
    assert np.isnan(result[0])
    assert np.isfinite(result[1])


def test_the_order_of_observed_windows_is_kept():
    keys = np.array([2004003, 2003007])
    forward = plan_aggregation(TIME, keys, "8-day")(VALUES[None])[0]
    backward = plan_aggregation(TIME, keys[::-1], "8-day")(VALUES[None])[0]
    assert forward.tolist() == backward[::-1].tolist()


def test_a_leap_year_may_lack_its_last_day():
    # Daymet keeps 29 February and drops 31 December.
    kept = ~((TIME.month == 12) & (TIME.day == 31) & TIME.is_leap_year)
    keys = np.unique(window_keys(TIME, "8-day"))
    means = plan_aggregation(TIME[kept], keys, "8-day")(VALUES[None, kept])[0]
    assert means == pytest.approx(by_pandas(VALUES[kept], TIME[kept]))


def test_a_model_that_stops_too_early_is_refused_with_the_date():
    keys = np.array([2005045, 2006000])
    with pytest.raises(masm.InputError, match="2006-01-01"):
        plan_aggregation(TIME, keys, "8-day", stream="gpp")
    with pytest.raises(masm.InputError, match=r"gpp.*1 of 1.*2005-12-27"):
        plan_aggregation(TIME[:-3], keys[:1], "8-day", stream="gpp")


def test_unknown_windows_are_refused():
    with pytest.raises(masm.InputError, match="windows are not known"):
        window_keys(TIME, "weekly")
