"""The soil column alone meets the Fortran, in every printed state."""

import numpy as np

from ibis_dalec.physics.constants import DT, TMELT
from ibis_dalec.physics.soil_column import soil_column
from ibis_dalec.physics.soil_layers import start_soil
from ibis_dalec.physics.workspace import new_workspace
from ibis_dalec.run import initialise as prepare

from ..driver import parameters_of
from ..reference import ORIGINAL_PI, read

STEPS = 240
#: Largest error; puddles are printed to 9 digits (up to some 100 kg m-2).
TOLERANCE = {"wsoi": 1e-8, "wisoi": 1e-8, "tsoi": 1e-5}
WATER = {
    "wpud": 1e-6,
    "wipud": 1e-6,
    "grunof": 1e-10,
    "gdrain": 1e-10,
    "gadjust": 1e-10,
}


def test_soil_columns(numbers):
    table, _ = read(numbers, "soil_column.csv")
    cases = table.groupby("case").first()
    n = len(cases)
    w = new_workspace(n)
    x = w[0]
    parameters_of(w)
    prepare.cold_start(w, {})
    for lane, row in enumerate(cases.itertuples()):
        prepare.set_site(w, lane, 0.0, row.sand, row.clay)
    start = cases.t0_c.to_numpy() + TMELT
    x["wsoi"][:] = cases.w0
    x["tsoi"][:] = start + 0.5 * np.arange(6)[:, None]
    x["ta"][:] = x["tu"][:] = start
    x["stress_layer"][:] = x["root2"]
    x["transpiration_hour"][:] = cases.uptake_kg_m2_s
    x["traing"][:] = np.maximum(start, TMELT)
    printed = {step: rows.set_index("case") for step, rows in table.groupby("step")}
    worst = dict.fromkeys({**TOLERANCE, **WATER}, 0.0)
    for step in range(1, STEPS + 1):
        start_soil(x)
        x["fvapg"][:] = cases.evap_kg_m2_s
        x["raing"][:] = cases.rain_mm_day / 8.0 / 3600.0 if step % 24 < 8 else 0.0
        x["heatg"][:] = cases.heat_amp * np.sin(2.0 * ORIGINAL_PI * step / 24.0)
        x["gadjust"][:] = 0.0
        soil_column(x)
        if step not in printed:
            continue
        rows = printed[step].loc[cases.index]
        for name in TOLERANCE:
            wanted = rows[[f"{name}{k}" for k in range(1, 7)]].to_numpy().T
            worst[name] = max(worst[name], np.abs(x[name] - wanted).max())
        for name, found in (
            ("wpud", x["wpud"]),
            ("wipud", x["wipud"]),
            ("grunof", x["runoff_hour"] / DT),
            ("gdrain", x["drainage_hour"] / DT),
            ("gadjust", x["gadjust"] / DT),
        ):
            worst[name] = max(worst[name], np.abs(found - rows[name]).max())
    assert len(printed) == 13
    for name, limit in {**TOLERANCE, **WATER}.items():
        assert worst[name] <= limit, (name, worst[name])
