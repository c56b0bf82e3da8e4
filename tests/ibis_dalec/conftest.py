"""Fixtures of the model's tests: reference numbers and a short real weather."""

import os

import pytest

from . import reference

# Threads of numerical libraries add nothing here and change no result.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", params=["kept", "whole"])
def numbers(request):
    """Folder of reference numbers: the part kept here, then the whole set."""
    if request.param == "kept":
        return reference.KEPT
    if not reference.WHOLE.is_dir():
        pytest.skip(
            f"the whole reference set is not at {reference.WHOLE}; the part kept in "
            f"{reference.KEPT} is tested"
        )
    return reference.WHOLE


@pytest.fixture(scope="session")
def site_a():
    """200 days of weather at 42.5 N from 1 January: snow, thaw and a summer."""
    return reference.read_weather(reference.KEPT, "A")


@pytest.fixture(scope="session")
def site_b():
    """120 days of weather at 35.6 N from 1 January."""
    return reference.read_weather(reference.KEPT, "B")


@pytest.fixture(scope="session")
def three_years():
    """Three whole years at 42.5 N, where the optional data are there."""
    if not reference.WHOLE.is_dir():
        pytest.skip(f"no years of weather: {reference.WHOLE} is not there")
    return reference.read_weather(reference.WHOLE, "A")
