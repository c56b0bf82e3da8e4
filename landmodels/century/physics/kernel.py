"""The loop over lanes, passes and months, and what is recorded.

A lane is one parameter vector in one cell. Lanes never see each other, so that their
number and order change no bit of a result.
"""

from pathlib import Path

from landmodels.century.physics.month import run_month
from landmodels.century.physics.soil import set_constants
from landmodels.century.physics.start import start_state
from landmodels.century.physics.weather import prepare_weather
from landmodels.kernels.compile import entry_point, routine, source_digest

_FOLDER = Path(__file__).parent
_DIGEST = source_digest(_FOLDER)


@routine
def season_precipitation(weather, following, t):
    """Precipitation of the twelve months from the first growth month on (cm).

    ``t`` is that month; ``following`` holds the year after the last.
    """
    total = 0.0
    for k in range(t, t + 12):
        if k < weather.shape[0]:
            total += weather[k].prec
        else:
            total += following[k - weather.shape[0]]
    return total


@routine
def record(row, columns, out):
    """Add the numbers at ``columns`` to ``out`` (column)."""
    for c in range(columns.shape[0]):
        out[c] += row[columns[c]]


def run(
    lanes, rows, parameters, sites, weather, following, cell, cold, passes, variant45,
    surface_texture_co2, columns, slot, out,
):  # fmt: skip
    """Run every lane ``passes`` times through the weather.

    ``lanes`` (lane) records and ``rows`` (lane, number) the same memory;
    ``parameters`` (lane), ``sites`` (cell), ``weather`` (cell, month) from a January
    on, ``following`` (cell, 12) precipitation of the year after (cm); ``cell``
    (lane) the cell of each lane; ``cold`` sets the start state first; ``slot``
    (month) row of ``out`` (lane, slot, column) to which a month of the last pass is
    added, or -1.
    """
    for i in range(lanes.shape[0]):
        w = lanes[i]
        p = parameters[i]
        s = sites[cell[i]]
        days = weather[cell[i]]
        after = following[cell[i]]
        set_constants(w, p, s, variant45, surface_texture_co2)
        if cold:
            start_state(w, rows[i], p, s, variant45)
        for k in range(passes):
            for t in range(days.shape[0]):
                month = t % 12 + 1
                season = 0.0
                if month == int(p.frst):
                    season = season_precipitation(days, after, t)
                run_month(w, p, days[t], month, season, variant45)
                if k == passes - 1 and slot[t] >= 0:
                    record(rows[i], columns, out[i, slot[t]])


def constants(lanes, parameters, sites, cell, variant45, surface_texture_co2):
    """Set the constants of every lane, from which limits are checked before a run."""
    for i in range(lanes.shape[0]):
        set_constants(
            lanes[i], parameters[i], sites[cell[i]], variant45, surface_texture_co2
        )


run_lanes = entry_point(run, _FOLDER, _DIGEST)
set_lane_constants = entry_point(constants, _FOLDER, _DIGEST)
prepare = entry_point(prepare_weather, _FOLDER, _DIGEST)
