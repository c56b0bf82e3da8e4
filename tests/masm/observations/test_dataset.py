import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.observations.dataset import as_streams, streams_from_dataset

TIME = pd.date_range("2001-01-01", "2002-12-31")
VALUES = 5.0 + np.sin(np.arange(TIME.size) / 58.0)


def dataset(**extra):
    ds = xr.Dataset({"gpp": ("time", VALUES)}, coords={"time": TIME})
    ds["gpp"].attrs["units"] = "g m-2 d-1"
    return ds.assign({name: ("time", value) for name, value in extra.items()})


def by_window(values):
    return pd.Series(values).groupby([TIME.year, (TIME.day_of_year - 1) // 8])


def test_the_published_variance_is_that_of_the_aggregated_series():
    series = masm.Stream("gpp", TIME, VALUES).aggregate()
    means = by_window(VALUES).mean()
    assert series.value == pytest.approx(means.to_numpy())
    assert series.variance == pytest.approx(np.full(92, means.var(ddof=1)))
    assert series.variance_rule == "series"


def test_a_mean_of_independent_errors_has_less_variance():
    daily = np.linspace(1.0, 2.0, TIME.size)
    series = streams_from_dataset(
        dataset(gpp_variance=daily), variance=masm.GivenVariance(correlation=0.0)
    )["gpp"].aggregate()
    grouped = by_window(daily)
    assert series.variance == pytest.approx(
        (grouped.sum() / grouped.count() ** 2).to_numpy()
    )
    assert series.variance_rule == "given (correlation 0 within a window)"


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8, 1.0])
def test_the_variance_of_a_mean_of_correlated_errors_is_its_covariances_mean(
    correlation,
):
    sd = np.linspace(1.0, 2.0, TIME.size)
    rule = masm.GivenVariance(correlation=correlation)
    stream = streams_from_dataset(dataset(gpp_sd=sd), variance=rule)["gpp"]
    series = stream.aggregate()
    first = sd[:8]
    covariance = np.outer(first, first) * (
        correlation + (1.0 - correlation) * np.eye(8)
    )
    assert series.variance[0] == pytest.approx(covariance.mean())


def test_errors_of_days_are_correlated_by_default_and_of_composites_are_not_touched():
    sd = np.full(TIME.size, 3.0)
    daily = streams_from_dataset(dataset(gpp_sd=sd))["gpp"].aggregate()
    assert daily.variance_rule == "given"
    assert daily.variance[0] == pytest.approx(9.0 * (0.2 / 8.0 + 0.8))
    single = streams_from_dataset(dataset(gpp_sd=sd).isel(time=slice(0, 361, 8)))
    assert single["gpp"].aggregate().variance == pytest.approx(9.0)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "much", np.nan])
def test_a_correlation_that_cannot_be_is_refused(wrong):
    with pytest.raises(masm.InputError, match="correlation"):
        masm.GivenVariance(correlation=wrong)


def test_standard_deviations_are_squared_and_one_number_is_for_every_mean():
    given = streams_from_dataset(dataset(gpp_sd=np.full(TIME.size, 3.0)))["gpp"]
    assert given.given == pytest.approx(9.0)
    number = streams_from_dataset(dataset(), variance=0.5)["gpp"].aggregate()
    assert set(number.variance) == {0.5}
    assert number.variance_rule == "given (0.5)"


def test_relative_variance_has_a_floor():
    rule = masm.RelativeVariance(0.1, floor=0.5)
    stream = masm.Stream("gpp", np.arange(3), [10.0, 2.0, -20.0], variance=rule)
    assert stream.aggregate().variance == pytest.approx([1.0, 0.25, 4.0])


def test_masked_values_do_not_count():
    use = np.ones(TIME.size, bool)
    use[:8] = False
    series = streams_from_dataset(dataset(gpp_use=use))["gpp"].aggregate()
    assert series.n_obs == 91
    assert series.time[0] == np.datetime64("2001-01-09")


def test_each_stream_may_have_its_own_rule_and_windows():
    ds = dataset(lai=VALUES / 2.0)
    streams = streams_from_dataset(
        ds, variance={"lai": 0.3}, windows={"gpp": "month", "lai": None}
    )
    assert streams["gpp"].aggregate().n_obs == 24
    assert streams["gpp"].aggregate().variance_rule == "series"
    assert streams["lai"].aggregate().n_obs == TIME.size
    assert set(streams["lai"].aggregate().variance) == {0.3}


def test_plain_numbers_as_time_are_compared_one_by_one():
    series = masm.Stream("y", np.arange(4), [1.0, np.nan, 3.0, 5.0]).aggregate()
    assert series.windows is None
    assert series.time.tolist() == [0, 2, 3]


def test_days_without_an_observation_are_known():
    values = VALUES.copy()
    values[2] = np.nan
    series = masm.Stream("gpp", TIME, values).aggregate()
    assert 2001002 not in series.days
    assert len(series.days) == TIME.size - 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: masm.Stream("gpp", TIME, VALUES * np.nan), "gpp.*no observations"),
        (lambda: masm.Stream("gpp", [], []), "gpp.*no observations"),
        (lambda: masm.Stream("gpp", TIME, VALUES[1:]), "differ in length"),
        (lambda: masm.Stream("gpp", TIME[::-1], VALUES), "does not increase at 2002"),
        (lambda: masm.Stream("gpp", TIME, np.r_[np.inf, VALUES[1:]]), "2001-01-01"),
        (lambda: masm.Stream("gpp", TIME, VALUES, windows="fortnight"), "windows"),
        (lambda: masm.Stream("gpp", TIME, VALUES, min_fraction=50), "min_fraction"),
        (lambda: masm.Stream("gpp", TIME.astype(str), VALUES), "time is of a kind"),
        (
            lambda: masm.Stream("gpp", TIME, VALUES * 0.0).aggregate(),
            "2001-01-01.*variance is 0 .rule: series",
        ),
        (
            lambda: masm.Stream(
                "gpp", TIME, VALUES, variance=masm.GivenVariance()
            ).aggregate(),
            "none came with it",
        ),
        (
            lambda: streams_from_dataset(
                dataset(gpp_variance=np.r_[VALUES[:-1], np.nan])
            )["gpp"].aggregate(),
            "2002-12-31.*without a variance",
        ),
        (
            lambda: streams_from_dataset(dataset(gpp_sd=VALUES * 0.0))[
                "gpp"
            ].aggregate(),
            "error variance is 0",
        ),
        (
            lambda: masm.Stream("gpp", TIME[:2], VALUES[:2]).aggregate(),
            "no 8-day window has enough",
        ),
        (lambda: streams_from_dataset(dataset(), variance="guess"), "rule not known"),
        (lambda: streams_from_dataset(dataset(), names=["er"]), "unknown stream 'er'"),
        (lambda: streams_from_dataset(dataset(), variance={"er": 1.0}), "'er'"),
        (lambda: streams_from_dataset(xr.Dataset()), "no time dimension"),
        (lambda: streams_from_dataset(dataset().drop_vars("gpp")), "no stream"),
        (lambda: as_streams({}), "empty"),
        (lambda: as_streams({"lai": masm.Stream("gpp", TIME, VALUES)}), "lai"),
        (lambda: as_streams(VALUES), "not known"),
    ],
)
def test_bad_observations_are_refused_with_name_and_date(make, message):
    with pytest.raises(masm.InputError, match=message):
        make()


def test_a_composite_padded_to_daily_dates_is_the_same_product():
    dates = pd.date_range("2003-01-01", "2004-12-31", freq="4D")
    value = 3.0 + np.sin(np.arange(dates.size) / 9.0)
    composite = masm.Stream("lai", dates.values, value)
    daily = pd.Series(value, dates).reindex(pd.date_range(dates[0], dates[-1]))
    padded = masm.Stream("lai", daily.index.values, daily.values)
    xr.testing.assert_equal(
        xr.DataArray(padded.aggregate().value),
        xr.DataArray(composite.aggregate().value),
    )


def test_a_daily_series_with_a_gap_keeps_the_gap():
    dates = pd.date_range("2003-01-01", periods=80)
    value = np.ones(80)
    value[8:15] = np.nan  # one valid day left of the second window
    series = masm.Stream("gpp", dates.values, value + np.arange(80)).aggregate()
    assert series.value.size == 9
