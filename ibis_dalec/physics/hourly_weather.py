"""Daily weather to hourly weather, without randomness.

Specification, section 2. A time step n stands for local solar time n:00.
"""

import math

import numpy as np

from ibis_dalec.physics.compile import equation, routine
from ibis_dalec.physics.constants import SNOW_OFFSET, STEF, TMELT
from ibis_dalec.physics.saturation import esat, qsat, wet_bulb
from ibis_dalec.physics.vector_math import clip, exp

_HOURS = np.arange(24.0)
#: Fraction of tmax in the temperature of each hour.
TEMPERATURE_SHAPE = (
    0.44
    - 0.46 * np.sin(np.pi / 12.0 * _HOURS + 0.9)
    + 0.11 * np.sin(2.0 * np.pi / 12.0 * _HOURS + 0.9)
)
#: Cosine of the hour angle.
COS_HOUR_ANGLE = np.cos(2.0 * np.pi * (_HOURS - 12.0) / 24.0)
VISIBLE, NEAR_INFRARED = 0.46, 0.54
STORM_HOURS = 14.0
MAX_RATE = 15.0  # mm h-1


@equation
def sun_of_day(doy):
    """Solar constant (W m-2), sine and cosine of the declination of a day."""
    o = 2.0 * math.pi * doy / 365.2425
    declination = (
        0.006918
        - 0.399912 * math.cos(o)
        + 0.070257 * math.sin(o)
        - 0.006758 * math.cos(2.0 * o)
        + 0.000907 * math.sin(2.0 * o)
        - 0.002697 * math.cos(3.0 * o)
        + 0.001480 * math.sin(3.0 * o)
    )
    solar = 1370.0 * (
        1.000110
        + 0.034221 * math.cos(o)
        + 0.001280 * math.sin(o)
        + 0.000719 * math.cos(2.0 * o)
        + 0.000077 * math.sin(2.0 * o)
    )
    return solar, math.sin(declination), math.cos(declination)


@equation
def diffuse_fraction(transmissivity):
    """Diffuse fraction of solar radiation."""
    tr = transmissivity
    fd = 1.0045 + 0.0435 * tr - 3.5227 * tr * tr + 2.6313 * tr * tr * tr
    return 0.166 if tr > 0.75 else fd


@equation
def humidity_range(q, tmin, p):
    """Humidity at the coldest and the warmest hour (kg kg-1)."""
    qmin = min(q, 0.99 * qsat(esat(tmin), p))
    return qmin, (q - 0.56 * qmin) / 0.44


@equation
def infrared_down(ta, qa, p, cloud):
    """Down-welling infrared (W m-2)."""
    e_mb = 0.01 * p * qa / (0.622 + qa)
    clear = 0.70 + 5.95e-5 * e_mb * exp(1500.0 / ta)
    return ((1.0 - cloud) * clear + cloud * 0.95) * STEF * ta * ta * ta * ta


@equation
def storm(prec):
    """Hours and first hour of the day's precipitation (mm)."""
    hours = STORM_HOURS
    while hours < 24.0 and prec / hours > MAX_RATE:
        hours += 1.0
    return hours, math.floor((24.0 - hours) / 2.0)


@routine
def start_weather_day(w, n):
    """Day-long quantities of the first ``n`` lanes from their daily forcing."""
    for lane in range(n):
        tr = 0.251 + 0.509 * (1.0 - w.cloud[lane])
        w.transmissivity[lane] = tr
        w.diffuse[lane] = diffuse_fraction(tr)
        qmin, qmax = humidity_range(w.q_day[lane], w.tmin_k[lane], w.psurf[lane])
        w.qmin[lane] = qmin
        w.qmax[lane] = qmax
        hours, start = storm(w.prec_day[lane])
        w.storm_hours[lane] = hours
        w.storm_start[lane] = start
        w.ua[lane] = clip(w.wind_day[lane], 2.5, 10.0)


@routine
def weather_hour(w, hour, shape, cos_angle, solar, sin_dec, cos_dec, n):
    """Weather of one hour for the first ``n`` lanes."""
    for lane in range(n):
        coszen = max(
            0.0,
            w.sin_lat[lane] * sin_dec + w.cos_lat[lane] * cos_dec * cos_angle,
        )
        top = solar * coszen * w.transmissivity[lane]
        direct = top * (1.0 - w.diffuse[lane])
        diffuse = top * w.diffuse[lane]
        w.coszen[lane] = coszen
        w.sol_dir[0, lane] = VISIBLE * direct
        w.sol_dif[0, lane] = VISIBLE * diffuse
        w.sol_dir[1, lane] = NEAR_INFRARED * direct
        w.sol_dif[1, lane] = NEAR_INFRARED * diffuse
        p = w.psurf[lane]
        ta = w.tmax_k[lane] * shape + w.tmin_k[lane] * (1.0 - shape)
        qa = min(
            0.99 * qsat(esat(ta), p),
            w.qmax[lane] * shape + w.qmin[lane] * (1.0 - shape),
        )
        w.ta[lane] = ta
        w.qa[lane] = qa
        w.fira[lane] = infrared_down(ta, qa, p, w.cloud[lane])
        start = w.storm_start[lane]
        hours = w.storm_hours[lane]
        rate = 0.0
        if start <= hour and hour < start + hours:
            rate = w.prec_day[lane] / (hours * 3600.0)
        snows = ta - SNOW_OFFSET <= 2.5
        w.rain[lane] = 0.0 if snows else rate
        w.snow[lane] = rate if snows else 0.0
        w.tsnow[lane] = min(ta, TMELT)
        train = TMELT
        if rate > 0.0 and ta > TMELT:
            train = max(wet_bulb(ta, qa, p), TMELT)
        w.train[lane] = train


@routine
def share_weather(w, hourly):
    """Copy the weather of lane 0 to every lane."""
    for lane in range(1, w.ta.shape[0]):
        w.co2[lane] = w.co2[0]
        w.psurf[lane] = w.psurf[0]
        w.ua[lane] = w.ua[0]
        if hourly:
            w.coszen[lane] = w.coszen[0]
            for band in range(2):
                w.sol_dir[band, lane] = w.sol_dir[band, 0]
                w.sol_dif[band, lane] = w.sol_dif[band, 0]
            w.ta[lane] = w.ta[0]
            w.qa[lane] = w.qa[0]
            w.fira[lane] = w.fira[0]
            w.rain[lane] = w.rain[0]
            w.snow[lane] = w.snow[0]
            w.tsnow[lane] = w.tsnow[0]
            w.train[lane] = w.train[0]
