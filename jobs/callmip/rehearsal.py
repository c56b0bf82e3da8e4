"""Make a rehearsal: one site's files in CalLMIP's form, marked as not for upload.

The project's own weather is not public. A run on other weather can show that model,
calibration and files work together, and is no submission: name and attributes say so,
and the check refuses it. What the model does not compute is left out and not made up;
the check then names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.callmip.check_attributes import REHEARSAL
from jobs.callmip.content import Content, Stored
from jobs.callmip.names import ROLES, Name
from jobs.callmip.sites import SITES
from jobs.callmip.variables import SCENARIOS, UNCERTAINTY
from jobs.process_models.output_table import CALLMIP

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

_FILL = 1e38
_STREAMS = {"nee": "nep", "latent_heat": "hfls", "sensible_heat": "hfss"}


@dataclass(frozen=True)
class Origin:
    """What a file says of where it comes from.

    Attributes
    ----------
    model : str
        ``<model>.<version>``.
    site : str
        One of the sites of Phase 1b.
    latitude, longitude : float
        Of the simulated place, degrees north and east.
    streams : tuple of str
        What the run is calibrated on, in the run's own names.
    attributes : mapping
        More global attributes.
    """

    model: str
    site: str
    latitude: float
    longitude: float
    streams: tuple[str, ...]
    attributes: Mapping[str, Any]

    @property
    def scenario(self) -> str:
        """The scenario whose variables are the run's streams; else the first."""
        used = {_STREAMS.get(name, name) for name in self.streams}
        return next((k for k, v in SCENARIOS.items() if set(v) == used), "Scen1")

    def name(self, stage: str) -> Name:
        """Return the name of the file of a stage."""
        scenario = "Scen1" if stage == "Prior" else self.scenario
        model = f"{REHEARSAL}-{self.model}"
        return Name(model, scenario, self.site, SITES[self.site].role, stage)


def rehearse(
    origin: Origin,
    stage: str,
    simulated: xr.Dataset,
    members: xr.Dataset | None = None,
) -> Content:
    """Lay a simulation out as a file of CalLMIP, marked as a rehearsal.

    Parameters
    ----------
    origin : Origin
        Model, site and calibration.
    stage : str
        "Prior" or "Posterior".
    simulated : xarray.Dataset
        Daily outputs over ``time``, see `jobs.process_models.output_table.UNITS`.
    members : xarray.Dataset, optional
        The same over (sample, time): draws of the posterior, for uncertainties.

    Returns
    -------
    Content
        Without the variables that the outputs do not give.

    Raises
    ------
    ValueError
        If an output has another unit than the table's.
    """
    days = simulated["time"].to_numpy().astype("datetime64[D]")
    name = origin.name(stage)
    variables = _coordinates(origin, days)
    for key, target in CALLMIP.items():
        if not set(target.parts) <= set(simulated.data_vars):
            continue
        values = target.of(simulated).to_numpy()
        variables[key] = _daily(values, target.attrs)
        if members is not None and key in SCENARIOS[name.scenario]:
            # A member that failed is NaN and shows: it is not passed over.
            spread = target.of(members).std("sample", ddof=1, skipna=False).to_numpy()
            attrs = target.attrs | {
                "long_name": f"standard deviation of {target.long_name} over "
                f"{members.sizes['sample']} draws of the posterior, parameters only",
            }
            variables[key + UNCERTAINTY] = _daily(spread, attrs)
    sizes = {"lon": 1, "lat": 1, "time": days.size}
    return Content(_global(origin, name), sizes, variables)


def _global(origin: Origin, name: Name) -> dict[str, Any]:
    found = {
        "Model": name.model,
        "CalLMIP_Phase": "Phase1b",
        "Calibration_Scenario": name.scenario,
        "Calibration_stage": name.stage,
        "Cal_Val": ROLES[name.role],
        REHEARSAL: "Not for upload: made with other weather than the project's.",
        "site_code": origin.site,
        **origin.attributes,
    }
    if name.stage == "Posterior":
        streams = (_STREAMS.get(stream, stream) for stream in origin.streams)
        found |= {
            "calibration_sites": origin.site,
            "calibration_streams": ", ".join(streams),
        }
    return found


def _coordinates(origin: Origin, days: NDArray[np.datetime64]) -> dict[str, Stored]:
    start = days[0].astype("datetime64[Y]").astype("datetime64[D]")
    time = (days - start).astype(np.float64) + 0.5
    lat, lon = origin.latitude, origin.longitude
    north = {"units": "degrees_north", "long_name": "latitude"}
    east = {"units": "degrees_east", "long_name": "longitude"}
    clock = {
        "units": f"days since {start} 00:00:00",
        "calendar": "standard",
        "long_name": "time",
    }
    return {
        "lat": Stored((), np.array(lat), {}),
        "lon": Stored((), np.array(lon), {}),
        "latitude": Stored(("lat",), np.array([lat]), north),
        "longitude": Stored(("lon",), np.array([lon]), east),
        "time": Stored(("time",), time, clock),
    }


def _daily(values: NDArray[np.float64], attrs: Mapping[str, Any]) -> Stored:
    kept = np.where(np.isfinite(values), values, _FILL).astype(np.float64)
    own = {
        **attrs,
        "_FillValue": np.float64(_FILL),
        "coordinates": "latitude longitude",
    }
    return Stored(("time", "lat", "lon"), kept.reshape(-1, 1, 1), own)
