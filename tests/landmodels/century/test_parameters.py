"""The table of parameters is whole, and its defaults are allowed."""

import numpy as np

from landmodels import century
from landmodels.century.physics.layout import LANE_TYPE, N_STATE, PARAMETERS, columns
from landmodels.century.run.outputs import OUTPUTS, state_names


def test_the_paper_s_parameters_are_marked():
    table = century.parameter_table()
    assert tuple(table.index) == PARAMETERS
    calibrated = table[table["calibrated"] == "yes"]
    assert len(calibrated) == 24
    assert list(calibrated["name"][:3]) == ["PRDX(1)", "PPDF(1)", "PPDF(2)"]
    assert (calibrated["min"] < calibrated["max"]).all()
    assert calibrated["default_steppe"]["ppdf_2"] == 31


def test_defaults_lie_within_their_bounds():
    table = century.parameter_table()
    for column in ("default", "default_steppe"):
        assert (table[column] >= table["min"]).all()
        assert (table[column] <= table["max"]).all()
    assert not (table["unit"] == "").any()
    assert not (table["description"] == "").any()


def test_a_changed_copy_leaves_the_table_alone():
    changed = century.parameter_table()
    changed.loc["rdr", "default"] = 9.0
    assert century.parameter_table()["default"]["rdr"] == 0.2


def test_state_and_outputs_stand_where_they_are_said_to():
    names = state_names()
    assert len(names) == len(set(names)) == N_STATE
    assert names[columns("som2c2")[0] if "som2c2" in LANE_TYPE.fields else 7] == (
        "dead_c_8"
    )
    places = [output.column for output in OUTPUTS.values()]
    assert len(places) == len(set(places))
    assert np.max(places) < LANE_TYPE.itemsize // 8
