"""A value stands for an interval, and the model is averaged over the same one."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import masm
from masm.observations.dataset import streams_from_dataset
from masm.observations.intervals import kind_of_calendar
from masm.problem.samples import Samples
from masm.runners.series_runner import ModelRunner, plan_stream

TIME = pd.date_range("2001-01-01", "2003-12-31")
DAILY = pd.Series(
    6.0 + 5.0 * np.sin(np.arange(TIME.size) / 58.0) + np.arange(TIME.size) / 300.0, TIME
)
UNITS = {"units": "g m-2 d-1"}


def dataset(values, bounds=None, **attrs):
    data = {"gpp": ("time", values.to_numpy(), {**UNITS, **attrs})}
    if bounds is not None:
        data["time_bnds"] = (("time", "bnds"), bounds)
    found = xr.Dataset(data, {"time": values.index.to_numpy()})
    return found


def difference(observations, **options):
    """Largest difference of observations made from the model's own days from it."""
    series = streams_from_dataset(observations, variance=1.0, **options)[
        "gpp"
    ].aggregate()
    plan = plan_stream(series, TIME.to_numpy(), TIME.size, None)
    return float(np.abs(plan(DAILY.to_numpy()[None])[0] - series.value).max())


def composites(length, phase=0):
    """Means over periods that begin anew each year, stamped with their first day."""
    number = (DAILY.index.day_of_year - 1 - phase) // length
    groups = DAILY.groupby([DAILY.index.year, number])
    first = groups.apply(lambda part: part.index[0])
    return pd.Series(groups.mean().to_numpy(), first.to_numpy())


def dekads(last=False):
    third = np.minimum((DAILY.index.day - 1) // 10, 2)
    groups = DAILY.groupby([DAILY.index.year, DAILY.index.month, third])
    stamp = groups.apply(lambda part: part.index[-1 if last else 0])
    return pd.Series(groups.mean().to_numpy(), stamp.to_numpy())


def half_months():
    late = (DAILY.index.day > 15).astype(int)
    groups = DAILY.groupby([DAILY.index.year, DAILY.index.month, late])
    stamp = groups.apply(lambda part: part.index[0])
    return pd.Series(groups.mean().to_numpy(), stamp.to_numpy())


def monthly(stamp):
    means = DAILY.resample("MS").mean()
    if stamp == "last":
        means.index = means.index + pd.offsets.MonthEnd(0)
    if stamp == "middle":
        means.index = means.index + pd.Timedelta(days=14, hours=12)
    return means


@pytest.mark.parametrize(
    "values",
    [
        monthly("first"),
        monthly("middle"),
        monthly("last"),
        monthly("first")[lambda s: s.index.month.isin([5, 6, 7, 8, 9])],
        composites(8),
        composites(16),
        dekads(),
        dekads(last=True),
        half_months(),
        DAILY.resample("YS").mean(),
        DAILY.resample("YE").mean(),
        DAILY,
        DAILY[np.random.default_rng(1).random(TIME.size) < 0.8],
    ],
    ids=[
        "month, first day", "month, middle", "month, last day", "summer months",
        "8-day", "16-day", "dekad, first day", "dekad, last day", "half a month",
        "year, first day", "year, last day", "day", "days with gaps",
    ],
)  # fmt: skip
def test_the_model_is_averaged_over_what_a_value_stands_for(values):
    assert difference(dataset(values)) < 1e-9


def test_short_composites_are_pooled_in_windows_of_eight_days():
    # The last window of a year holds one of four days and one of a single day.
    values = composites(4)
    inside = values.index.day_of_year < 361
    assert difference(dataset(values[inside])) < 1e-9


def test_composites_of_aqua_that_start_on_the_ninth_day_are_sixteen_days_long():
    starts = [
        pd.Timestamp(year, 1, 1) + pd.Timedelta(days=day)
        for year in (2001, 2002)
        for day in range(8, 350, 16)
    ]
    means = [DAILY[s : s + pd.Timedelta(days=15)].mean() for s in starts]
    assert difference(dataset(pd.Series(means, starts))) < 1e-9


def test_monthly_values_on_a_daily_axis_are_monthly_still():
    padded = monthly("first").reindex(TIME)
    assert difference(dataset(padded)) < 1e-9


@pytest.mark.parametrize("length", [7, 11, 30])
def test_bounds_are_believed_whatever_the_stamps_look_like(length):
    starts = TIME[5 : -2 * length : length]
    bounds = np.stack([starts, starts + pd.Timedelta(days=length)], axis=1)
    middle = starts + pd.Timedelta(days=length / 2)
    means = [DAILY[s : s + pd.Timedelta(days=length - 1)].mean() for s in starts]
    found = dataset(pd.Series(means, middle), bounds)
    assert difference(found) < 1e-9


def test_months_stamped_with_their_end_are_recognised_by_their_bounds():
    means = DAILY.resample("MS").mean()
    after = means.index + pd.offsets.MonthBegin(1)
    bounds = np.stack([means.index, after], axis=1)
    assert difference(dataset(pd.Series(means.to_numpy(), after), bounds)) < 1e-9


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b[:, ::-1],
        lambda b: b + np.timedelta64(400, "D"),
        lambda b: np.stack([b[:, 0], b[:, 1] + np.timedelta64(9, "D")], axis=1),
        lambda b: b.astype("i8"),
    ],
    ids=["swapped", "elsewhere", "overlapping", "numbers"],
)
def test_bounds_that_cannot_be_are_refused(spoil):
    means = DAILY.resample("MS").mean()
    bounds = np.stack(
        [means.index, means.index + pd.offsets.MonthBegin(1)], axis=1
    ).astype("datetime64[ns]")
    with pytest.raises(masm.InputError, match="bounds"):
        streams_from_dataset(dataset(means, spoil(bounds)))


@pytest.mark.parametrize(
    ("attrs", "kind"),
    [
        ({"time_coverage_resolution": "P1M"}, "month"),
        ({"frequency": "mon"}, "month"),
        ({"cell_methods": "time: mean (8 days)"}, "8-day"),
        ({"cell_methods": "time: point"}, "point"),
        # The interval of CF is that of the samples, not of the mean.
        ({"cell_methods": "time: mean (interval: 1 month)"}, None),
    ],
)
def test_what_a_file_says_of_its_values_is_believed(attrs, kind):
    sparse = DAILY.iloc[[3, 40, 133]]
    found = streams_from_dataset(dataset(sparse, **attrs), variance=1.0)["gpp"]
    assert found.interval.kind == kind


IRREGULAR = DAILY.iloc[[3, 40, 133, 171, 260, 333, 400]]
WEEKLY = DAILY.iloc[4::7]


def model(theta):
    values = np.broadcast_to(DAILY.to_numpy(), (len(theta), TIME.size))
    return xr.Dataset({"gpp": (("sample", "time"), values, UNITS)}, {"time": TIME})


def run(observations, **options):
    made = streams_from_dataset(observations, variance=1.0, **options)["gpp"]
    return ModelRunner(model, (made.aggregate(),))(Samples([[1.0]], ["a"]))[0]


@pytest.mark.parametrize("values", [IRREGULAR, WEEKLY, DAILY.iloc[[200]]])
def test_an_unknown_interval_is_refused_with_the_choice_to_make(values):
    with pytest.raises(
        masm.InputError, match="how long a value stands for"
    ) as reported:
        run(dataset(values))
    assert 'windows="month"' in str(reported.value)
    assert run(dataset(values), windows=None) == pytest.approx(values.to_numpy())
    assert np.isfinite(run(dataset(values), windows="8-day")).all()


def test_an_unknown_interval_is_no_matter_where_the_model_has_the_same_dates():
    def weekly(theta):
        return xr.Dataset(
            {"gpp": (("sample", "time"), WEEKLY.to_numpy()[None], UNITS)},
            {"time": WEEKLY.index},
        )

    made = streams_from_dataset(dataset(WEEKLY), variance=1.0)["gpp"]
    found = ModelRunner(weekly, (made.aggregate(),))(Samples([[1.0]], ["a"]))[0]
    assert found == pytest.approx(WEEKLY.to_numpy())


@pytest.mark.parametrize("windows", ["8-day", "16-day"])
def test_months_cannot_be_laid_on_shorter_windows(windows):
    with pytest.raises(masm.InputError, match="more time than a window holds"):
        streams_from_dataset(dataset(monthly("first")), windows=windows)


@pytest.mark.parametrize(
    "days",
    [
        ["2001-01-02", "2001-02-02", "2001-03-02", "2001-04-02"],
        ["2001-01-02", "2001-01-10", "2001-01-18", "2001-01-26", "2001-02-03"],
        ["2001-01-01", "2001-01-09"],  # two dates are chance
        ["2001-03-05"],
    ],
)
def test_no_interval_is_guessed_from_the_spacing(days):
    time = np.array(days, "datetime64[D]")
    assert kind_of_calendar(time, np.ones(time.size, bool)) is None


@pytest.mark.parametrize(
    "freq", ["QS", "QE", "2MS", "2ME", "6MS", "2YS", "10D", "15D", "20D", "30D", "24D"]
)
def test_longer_steps_on_the_grid_of_a_calendar_are_not_that_calendar(freq):
    # The first of each quarter is the first of a month, and stands for no month.
    time = pd.date_range("2001-01-01", periods=9, freq=freq).to_numpy()
    assert kind_of_calendar(time, np.ones(time.size, bool)) is None


def test_gaps_do_not_hide_a_calendar():
    months = pd.date_range("2001-01-01", "2004-12-31", freq="MS")
    summer = months[months.month.isin([5, 6, 7, 9])].to_numpy()
    assert kind_of_calendar(summer, np.ones(summer.size, bool)) == "month"
    doy = np.arange(1, 366, 8)
    days = np.array("2001-01-01", "datetime64[D]") + np.delete(doy - 1, [2, 3, 7, 9])
    assert kind_of_calendar(days, np.ones(days.size, bool)) == "8-day"


@pytest.mark.parametrize("first", range(4))
def test_dates_without_a_value_say_how_long_a_composite_is(first):
    """Every fourth composite alone could stand for 8, 16 or 32 days."""
    years = range(2001, 2004)
    axis = np.concatenate(
        [np.arange(f"{y}-01-01", f"{y + 1}-01-01", 8, "datetime64[D]") for y in years]
    )
    valid = np.arange(axis.size) % 4 == first
    assert kind_of_calendar(axis, valid) == "8-day"
    assert kind_of_calendar(axis[valid], np.ones(valid.sum(), bool)) != "8-day"
