"""Radiation, day length and reference evapotranspiration of a month (section 3)."""

from math import atan2, cos, exp, pi, sin, sqrt, tan

import numpy as np

from landmodels.kernels.compile import equation

#: Day of the year in the middle of each month, for radiation.
MIDDLE = np.array([16, 46, 75, 106, 136, 167, 197, 228, 259, 289, 320, 350], float)
#: First day of each month, for the day length.
FIRST = np.array([1, 32, 61, 92, 122, 153, 183, 214, 245, 275, 306, 337], float)


@equation
def solar_radiation(latitude, month):
    """Radiation outside the atmosphere (langley d-1); ``latitude`` in radian."""
    declination = 0.401426 * sin(6.283185 * (MIDDLE[month] - 77.0) / 365.0)
    x = -tan(latitude) * tan(declination)
    h = max(atan2(sqrt(max(0.0, 1.0 - x * x)), x), 0.0)
    return 917.0 * (
        h * sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * sin(h)
    )


@equation
def day_length(latitude, month):
    """Hours of daylight; one tangent of the declination is left out on purpose."""
    pi10 = 3.1415926536
    a = 0.4014 * sin(2.0 * pi10 * (FIRST[month] - 77.0) / 365.0)
    t1 = sqrt(max(0.0, 1.0 - (tan(latitude) * a) ** 2))
    t2 = -tan(latitude) * tan(a)
    return 24.0 * atan2(t1, t2) / pi10


@equation
def reference_evapotranspiration(tmin, tmax, radiation):
    """Hargreaves' evapotranspiration (cm month-1), at least 0.5."""
    mean = (tmax + tmin) / 2.0
    day = 0.0023 * (mean + 17.8) * sqrt(tmax - tmin) * radiation / 54.0
    return max(0.5, 3.0 * day)


@equation
def night_weight(hours):
    """Weight of the night in the mean surface temperature (section 4)."""
    k = 3.0 if hours < 12.0 else 1.2
    return min(max((12.0 + k * (12.0 - hours)) / 24.0, 0.05), 0.95)


def prepare_weather(tmin, tmax, prec, co2_doublings, latitude, out):
    """Fill weather records ``out`` (cell, month) from monthly drivers.

    ``tmin``, ``tmax`` (degC), ``prec`` (cm) and ``co2_doublings`` (cell, month), the
    last being log2(CO2 / 350 ppm) or 0; ``latitude`` (cell) in degrees. The months
    begin with January and are whole years.
    """
    for i in range(out.shape[0]):
        radian = latitude[i] * pi / 180.0
        for t in range(out.shape[1]):
            month = t % 12
            row = out[i, t]
            row.tmin = tmin[i, t]
            row.tmax = tmax[i, t]
            row.prec = prec[i, t]
            row.co2_doublings = co2_doublings[i, t]
            total = 0.0
            for k in range(t - month, t - month + 12):
                total += prec[i, k]
            row.prec_year = total
            row.radiation = solar_radiation(radian, month)
            row.pet = reference_evapotranspiration(row.tmin, row.tmax, row.radiation)
            row.heat = 25.4 / (1.0 + 18.0 * exp(-0.20 * row.tmax))
            row.night = night_weight(day_length(radian, month))
