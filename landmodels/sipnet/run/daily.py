"""Values of each date from the steps of a run."""

from __future__ import annotations

import numpy as np
import xarray as xr

from landmodels.sipnet.run.outputs import OUTPUTS

_SUM = "sum of the step"


def daily_values(result: xr.Dataset) -> xr.Dataset:
    """Daily sums of fluxes and end-of-day values of the rest.

    A step belongs to the date on which it starts: with day and night steps, a day
    goes from sunrise to the next sunrise, and differs from a tower's midnight to
    midnight.

    Parameters
    ----------
    result : xarray.Dataset
        What `simulate` or `simulate_batch` returns.

    Returns
    -------
    xarray.Dataset
        Over ``time``, now dates: fluxes per day (g m-2 d-1, cm d-1) and values at
        the end of the date's last step. Sums of dates with a NaN are NaN. Variables
        without ``time`` are kept.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray as xr
    >>> from landmodels import sipnet
    >>> one = {"tmin": 9.0, "tmax": 21.0, "srad": 20.0, "vpd": 8.0, "prec": 2.0}
    >>> days = xr.Dataset({k: ("time", np.full(9, v)) for k, v in one.items()},
    ...                   {"time": pd.date_range("2001-07-01", periods=9)})
    >>> run = sipnet.simulate(sipnet.half_daily_drivers(days, latitude=45.0))
    >>> sipnet.daily_values(run)["nee"].sizes["time"]
    9
    """
    dates = result["time"].values.astype("datetime64[D]")
    first = np.flatnonzero(np.concatenate([[True], dates[1:] != dates[:-1]]))
    last = np.concatenate([first[1:], [dates.size]]) - 1
    kept = result.drop_dims("time")
    variables = {}
    for name, variable in result.data_vars.items():
        if "time" not in variable.dims:
            continue
        values = variable.transpose(..., "time")
        output = OUTPUTS.get(str(name))
        attrs = dict(variable.attrs)
        if output is not None and _SUM in output.long_name:
            daily = np.add.reduceat(values.values, first, axis=-1)
            attrs["units"] = f"{output.units} d-1"
            attrs["long_name"] = output.long_name.replace(_SUM, "sum of the day")
        else:
            daily = values.values[..., last]
        variables[str(name)] = (values.dims, daily, attrs)
    return kept.assign(variables).assign_coords(
        time=("time", dates[first].astype("datetime64[ns]"), {"standard_name": "time"})
    )
