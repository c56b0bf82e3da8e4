"""Refuse parameters that the model cannot run with, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from landmodels.century.drivers import validate_forcing
from landmodels.century.run.equilibrium import annual_precipitation
from landmodels.century.run.task import make_task


def check_parameters(
    forcing: xr.Dataset,
    parameters: xr.Dataset | Mapping[str, Any] | None = None,
    *,
    ecosystem: str | None = None,
) -> None:
    """Refuse parameters and soils that `simulate_batch` would refuse; nothing runs.

    Parameters
    ----------
    forcing, parameters, ecosystem
        As for :func:`landmodels.century.simulate_batch`.

    Raises
    ------
    InputError
        Naming the parameter: a value outside its bounds, PPDF(2) at or below PPDF(1),
        PPRPTS(3) at or below the water-capacity term of the moisture line; or a soil
        that holds no water.

    Examples
    --------
    >>> from landmodels.century import plateau_forcing
    >>> forcing = plateau_forcing().isel(cell=0)
    >>> check_parameters(forcing, {"ppdf_1": 24.0, "ppdf_2": 30.0})
    >>> try:
    ...     check_parameters(forcing, {"ppdf_1": 25.0, "ppdf_2": 25.0})
    ... except ValueError as error:
    ...     print(str(error).splitlines()[0])
    parameters.ppdf_1 and ppdf_2, sample 0, cell 0
    """
    checked = validate_forcing(forcing)
    given = {} if parameters is None else parameters
    make_task(checked, annual_precipitation(checked), given, 46, ecosystem, False)
