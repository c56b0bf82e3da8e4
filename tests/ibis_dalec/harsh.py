"""Made-up forcing that is possible but unkind, for laws that must hold anywhere."""

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import strategies as st

from .reference import SITE_UNITS, UNITS
from .spec_physics import qsat

DAYS = 25


def forcing(
    seed, *, lat=50.0, mean=5.0, swing=15.0, storm=60.0, sand=42.0, clay=18.0,
    pressure=9.5e4, co2=380.0, start="2001-03-01", days=DAYS,
):  # fmt: skip
    """Days of weather around a mean temperature (degC), drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    tmin = mean + rng.normal(0.0, 0.3 * swing, days) - rng.uniform(0.0, swing, days)
    tmax = tmin + rng.uniform(0.0, 2.0 * swing, days)
    tmin, tmax = np.clip(tmin, -70.0, 50.0), np.clip(tmax, -70.0, 55.0)
    wet = rng.random(days) < 0.5
    values = {
        "tmin": tmin,
        "tmax": tmax,
        "prec": np.where(wet, rng.exponential(0.3, days) * storm, 0.0),
        "wind": rng.exponential(6.0, days),
        "specific_humidity": np.minimum(
            0.05, rng.uniform(0.02, 1.3, days) * qsat(tmax + 273.16, pressure)
        ),
        "pressure": np.full(days, pressure),
        "cloud_cover": rng.random(days),
        "co2": np.full(days, co2),
    }
    return xr.Dataset(
        {
            **{n: ("time", v, {"units": UNITS[n]}) for n, v in values.items()},
            **{
                n: ((), v, {"units": SITE_UNITS[n]})
                for n, v in (("lat", lat), ("sand", sand), ("clay", clay))
            },
        },
        coords={"time": pd.date_range(start, periods=days)},
    )


#: Arguments of :func:`forcing` from frozen desert to hot storm, pole to pole.
weathers = st.builds(
    forcing,
    st.integers(0, 2**32 - 1),
    lat=st.floats(-90.0, 90.0),
    mean=st.floats(-45.0, 38.0),
    swing=st.floats(0.5, 20.0),
    storm=st.floats(0.0, 250.0),
    pressure=st.floats(5.5e4, 1.06e5),
    co2=st.floats(180.0, 1500.0),
    sand=st.floats(0.0, 70.0),
    clay=st.floats(0.0, 30.0),
    start=st.sampled_from(["2000-02-10", "2001-07-01", "2003-12-20"]),
)
