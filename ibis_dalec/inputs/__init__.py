"""Readers that turn weather and flux files into model forcing and targets."""

from ibis_dalec.inputs.co2 import mauna_loa_co2
from ibis_dalec.inputs.modis import drop_low_summer_lai, read_modis_lai
from ibis_dalec.inputs.observations import site_observations
from ibis_dalec.inputs.site import assemble_forcing, read_site
from ibis_dalec.inputs.soil import SoilTexture, read_soil_texture
from ibis_dalec.inputs.station import read_station
from ibis_dalec.inputs.tower import read_tower

__all__ = [
    "SoilTexture",
    "assemble_forcing",
    "drop_low_summer_lai",
    "mauna_loa_co2",
    "read_modis_lai",
    "read_site",
    "read_soil_texture",
    "read_station",
    "read_tower",
    "site_observations",
]
