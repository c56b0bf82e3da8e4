"""Units of every process model's parameters as UDUNITS parses them."""

import doctest

import pytest

import upscale.export.udunits
from jobs.process_models.base import Settings
from jobs.process_models.registry import MODELS, open_model
from upscale.export.udunits import as_udunits

cf_units = pytest.importorskip("cf_units")

POWER_OF_A_PARAMETER = "kPa^-dVpdExp"  # has no fixed unit


@pytest.mark.parametrize("model", [name for name in MODELS if name != "executable"])
def test_units_of_all_parameters_parse(model):
    table = open_model(model, Settings()).parameters
    units = {row.unit for row in table.values()} - {POWER_OF_A_PARAMETER}
    for unit in units:
        cf_units.Unit(as_udunits(unit))


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("C", "degree_Celsius"),
        ("g C m-2", "g m-2"),
        ("mol CO2 m-2 s-1", "mol m-2 s-1"),
        ("g m-2 month-1 per langley d-1", "g m-2 month-1 (langley d-1)-1"),
        ("nmol CO2 g-1 leaf s-1", "nmol g-1 s-1"),
    ],
)
def test_a_unit_keeps_its_meaning(given, same):
    factor = cf_units.Unit(as_udunits(given)).convert(1.0, cf_units.Unit(same))
    assert factor == pytest.approx(1.0)


def test_what_is_not_understood_stays_as_it_is():
    for unit in (POWER_OF_A_PARAMETER, "<b>", "m (2)"):
        assert as_udunits(unit) == unit


def test_examples_run():
    assert doctest.testmod(upscale.export.udunits).failed == 0
