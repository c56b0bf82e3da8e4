"""A reference run by name and a small forcing."""

import pytest

from landmodels import sipnet

from .cases import DATA, Case

_CASES = {}


@pytest.fixture(scope="session")
def case():
    """A reference run by name; each is read once."""
    return lambda name: _CASES.setdefault(name, Case(name))


@pytest.fixture(scope="session")
def niwot():
    """Half a year of half-daily drivers."""
    drivers = sipnet.read_driver_table(DATA / "drivers_niwot.csv.gz")
    return drivers.isel(time=slice(0, 366))


@pytest.fixture(scope="session")
def year_of_weather():
    """Two years of half-daily drivers."""
    drivers = sipnet.read_driver_table(DATA / "drivers_niwot.csv.gz")
    return drivers.isel(time=slice(0, 1460))
