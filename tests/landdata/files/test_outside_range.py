"""A file's own valid range: codes are left out, a range of other numbers is refused."""

import numpy as np
import pytest

from landdata.errors import InputError
from landdata.files.outside_range import OutsideRange


def judged(values, low=0.0, high=10.0, *, single=False):
    outside = OutsideRange(low, high, "mine.nc  lai")
    left = outside.removed(np.array(values, float))
    outside.judge(single=single)
    return left


@pytest.mark.parametrize(
    "values",
    [
        [24.9, 25.0, 25.4],  # MODIS codes of city, snow and water
        [12.0],  # a scale that is missing, in a file of one pixel
        np.linspace(11.0, 60.0, 12),  # no more different numbers than codes have
        np.linspace(11.0, 60.0, 13),
        [254.0] * 46,
        [-3000.0] * 5 + [32767.0],
        [np.nan, 9.96921e36],
    ],
)
def test_a_record_with_nothing_inside_its_range_is_refused(values):
    with pytest.raises(InputError, match=r"all values lie .* nothing is left"):
        judged(values)


def test_one_day_of_clouds_is_no_fault_but_said(caplog):
    assert np.isnan(judged([25.0, 25.0, np.nan], single=True)).all()
    assert "2 of 2 values lie outside" in caplog.text


def test_codes_beside_values_are_left_out_and_said(caplog):
    left = judged([25.0, 25.0, 25.4, 3.0])
    np.testing.assert_array_equal(left, [np.nan, np.nan, np.nan, 3.0])
    assert "3 of 4 values lie outside" in caplog.text


def test_most_values_of_many_sizes_are_no_codes():
    with pytest.raises(InputError, match="most values lie outside"):
        judged([3.0, *np.linspace(20.0, 40.0, 20)])
