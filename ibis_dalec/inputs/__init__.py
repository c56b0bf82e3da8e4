"""The readers' old place; they are in :mod:`landdata` now.

Every name that was here is fetched from ``landdata`` when it is asked for. This
module stays for one minor release.
"""

import importlib
import warnings
from typing import Any

__all__ = [
    "Normals",
    "SoilTexture",
    "assemble_forcing",
    "drop_low_summer_lai",
    "generate_weather",
    "harvard_normals",
    "mauna_loa_co2",
    "normals_from_forcing",
    "read_autumn_dates",
    "read_bcsd",
    "read_callmip_fluxes",
    "read_camels",
    "read_daymet",
    "read_daymet_table",
    "read_fluxnet",
    "read_modis_lai",
    "read_normals",
    "read_site",
    "read_soil_texture",
    "read_station",
    "read_tower",
    "site_observations",
    "usual_wind",
    "with_estimated_shortwave",
    "write_normals",
]


def __getattr__(name: str) -> Any:
    """Fetch an old name from its new place."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"ibis_dalec.inputs.{name} is now landdata.{name}",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(importlib.import_module("landdata"), name)
