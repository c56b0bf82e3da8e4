"""The examples in the docstrings run."""

import doctest
import importlib

import pytest

MODULES = (
    "landmodels.century.parameters", "landmodels.century.run.simulate",
    "landmodels.century.run.equilibrium", "landmodels.century.drivers",
    "landmodels.century.spinup_weather", "landmodels.century.weather_files",
    "landmodels.century.run.checks", "landmodels.century.synthetic.plateau",
    "landmodels.errors", "landmodels.soil_profiles", "landmodels.spinup",
    "landmodels.stock_streams",
)  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
