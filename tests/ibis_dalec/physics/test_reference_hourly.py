"""The canopy's state, hour by hour on selected days, meets the Fortran."""

import numpy as np
import pytest

from ..driver import Lane
from ..reference import HOURLY, HOURLY_SNOW, KEPT, WHOLE, read, read_run

#: Column to the workspace's field where the names differ, or to a rule.
_STATE = (
    "coszen", "ta", "qa", "ua", "tu", "ts", "t12", "q12", "t34", "q34", "tg", "ti",
    "u12", "su", "cu", "toppar", "stress", "ci", "cs", "gs", "agc", "anc", "totcond",
    "fwetu", "wliqu", "wsnou", "fsena", "fvapa",
)  # fmt: skip
COLUMNS = {
    **{name: (lambda hours, name=name: getattr(hours, name)) for name in _STATE},
    "sw_vis_dir": lambda hours: hours.sol_dir[..., 0],
    "sw_vis_dif": lambda hours: hours.sol_dif[..., 0],
    "sw_nir_dir": lambda hours: hours.sol_dir[..., 1],
    "sw_nir_dif": lambda hours: hours.sol_dif[..., 1],
    "ir_down": lambda hours: hours.fira,
    "rain_mm_h": lambda hours: hours.rain * 3600.0,
    "snow_mm_h": lambda hours: hours.snow * 3600.0,
    "lai_canopy": lambda hours: hours.lai,
    "fsnow": lambda hours: hours.fi,
    "hsno_total": lambda hours: hours.hsno.sum(-1),
    "ir_up": lambda hours: hours.firb,
    "alb_dir_vis": lambda hours: hours.albedo_dir[..., 0],
    "alb_dif_vis": lambda hours: hours.albedo_dif[..., 0],
    "alb_dir_nir": lambda hours: hours.albedo_dir[..., 1],
    "alb_dif_nir": lambda hours: hours.albedo_dif[..., 1],
    "night_scale": lambda hours: hours.scale_a / hours.scale_b,
}


@pytest.fixture(
    scope="module",
    params=[
        (KEPT, "siteB_coupled_set1"),
        (WHOLE, "siteB_coupled_set1"),
        (WHOLE, "siteA_prescribedLAI_default"),
    ],
    ids=["kept-B", "whole-B", "whole-A"],
)
def hours(request):
    """The file's rows and our hours on the same days."""
    folder, name = request.param
    if not folder.is_dir():
        pytest.skip(f"the whole reference set is not at {folder}")
    table, _ = read(folder, f"{name}_hourly.csv")
    run = read_run(folder, name)
    lane = Lane(run.weather, run.parameters, lai=run.lai)
    dates = run.weather.table[["year", "doy"]]
    found = {column: [] for column in COLUMNS}
    at = 0
    for (year, doy), _ in table.groupby(["year", "doy"], sort=False):
        day = int(np.flatnonzero((dates.year == year) & (dates.doy == doy))[0])
        lane.run(range(at, day))
        after = lane.trace([day])["soil"]
        for column, rule in COLUMNS.items():
            found[column] += list(rule(after)[0])
        at = day + 1
    return table, found


def test_every_printed_column_is_compared(hours):
    table, _ = hours
    assert set(table) == {"year", "doy", "hour", *COLUMNS}


@pytest.mark.parametrize("column", COLUMNS)
def test_hourly_state(hours, column):
    table, found = hours
    wanted = table[column].to_numpy()
    fraction = HOURLY_SNOW if column in ("fsnow", "hsno_total") else HOURLY
    error = np.abs(np.array(found[column]) - wanted).max()
    # A column that does not vary (no snow that day) is met to its printed digits.
    assert error <= fraction * np.ptp(wanted) + 1e-8 * np.abs(wanted).max()
