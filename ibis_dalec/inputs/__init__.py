"""Readers that turn weather and flux files into model forcing and targets."""

from ibis_dalec.inputs.bcsd import read_bcsd
from ibis_dalec.inputs.callmip import read_callmip_fluxes
from ibis_dalec.inputs.camels import read_camels
from ibis_dalec.inputs.co2 import mauna_loa_co2
from ibis_dalec.inputs.daymet import read_daymet, read_daymet_table
from ibis_dalec.inputs.fluxnet import read_fluxnet
from ibis_dalec.inputs.modis import drop_low_summer_lai, read_modis_lai
from ibis_dalec.inputs.normals import (
    Normals,
    harvard_normals,
    normals_from_forcing,
    read_normals,
    write_normals,
)
from ibis_dalec.inputs.observations import site_observations
from ibis_dalec.inputs.phenocam import read_autumn_dates
from ibis_dalec.inputs.site import assemble_forcing, read_site
from ibis_dalec.inputs.soil import SoilTexture, read_soil_texture
from ibis_dalec.inputs.station import read_station
from ibis_dalec.inputs.tower import read_tower
from ibis_dalec.inputs.transmissivity import with_estimated_shortwave
from ibis_dalec.inputs.weather import generate_weather
from ibis_dalec.inputs.wind import usual_wind

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
