"""Weather, soil, land cover and observations: readers, grids, the region cube.

Readers of single places turn weather and flux files into forcing and targets. Readers
of gridded products take a provider's files to the 0.05 degree grid; the catalogue says
which files there are; the cube holds them pixel by pixel.

.. code-block:: python

    grid = landdata.Grid.from_bounds(-80.0, 36.0, -70.0, 45.0)
    catalogue = landdata.read_catalogue("catalogue.yaml")
    source = landdata.ProductSource(catalogue, grid, (2000, 2019))
    cube = landdata.build_cube("eastern_us.zarr", source, workers=8)
    pixel = cube.pixel(int(cube.cells.ids[0]))
    run = ibis_dalec.simulate(pixel.forcing)
"""

from landdata.cube.build import build_cube
from landdata.cube.catalogue import Catalogue, read_catalogue
from landdata.cube.check import CubeReport, check_cube
from landdata.cube.cube import Cube, PixelData, open_cube
from landdata.cube.product_source import ProductSource
from landdata.cube.source_report import SourceReport, check_sources
from landdata.files.provider_files import write_checksums
from landdata.grid.grid import Cells, Grid, cell_at
from landdata.meteorology.co2 import mauna_loa_co2
from landdata.meteorology.derive import shortwave_of, vapour_pressure_deficit_of
from landdata.meteorology.drivers import with_drivers
from landdata.meteorology.normals import (
    Normals,
    harvard_normals,
    normals_from_forcing,
    read_normals,
    write_normals,
)
from landdata.meteorology.transmissivity import with_estimated_shortwave
from landdata.meteorology.wind import climatological_wind, usual_wind
from landdata.products.bcsd import read_bcsd
from landdata.sites.callmip import read_callmip_fluxes
from landdata.sites.callmip_tables import read_callmip_skill, read_trendy_co2
from landdata.sites.camels import read_camels
from landdata.sites.daymet import read_daymet, read_daymet_table
from landdata.sites.fluxnet import read_fluxnet
from landdata.sites.fluxnet_daily import read_fluxnet_daily
from landdata.sites.forcing import assemble_forcing, read_site
from landdata.sites.forest_sites import (
    read_estimated_lai,
    read_fapar_lai_table,
    read_forest_daily,
    read_forest_months,
    read_lai_block,
    read_modis_fapar,
)
from landdata.sites.grassland_months import read_grassland_months
from landdata.sites.modis_lai import drop_low_summer_lai, read_modis_lai
from landdata.sites.observations import site_observations
from landdata.sites.phenocam import read_autumn_dates
from landdata.sites.sipnet_sites import (
    read_sipnet_forcing,
    read_sipnet_observations,
    read_tower_heat,
)
from landdata.sites.site_tables import read_site_list
from landdata.sites.soil import SoilTexture, read_soil_texture
from landdata.sites.station import read_station
from landdata.sites.tower import read_tower
from landdata.sites.tropomi_sif import read_tropomi_sif
from landdata.synthetic.region import SyntheticSource, synthetic_block
from landdata.synthetic.weather_generator import generate_weather

__all__ = [
    "Catalogue",
    "Cells",
    "Cube",
    "CubeReport",
    "Grid",
    "Normals",
    "PixelData",
    "ProductSource",
    "SoilTexture",
    "SourceReport",
    "SyntheticSource",
    "assemble_forcing",
    "build_cube",
    "cell_at",
    "check_cube",
    "check_sources",
    "climatological_wind",
    "drop_low_summer_lai",
    "generate_weather",
    "harvard_normals",
    "mauna_loa_co2",
    "normals_from_forcing",
    "open_cube",
    "read_autumn_dates",
    "read_bcsd",
    "read_callmip_fluxes",
    "read_callmip_skill",
    "read_camels",
    "read_catalogue",
    "read_daymet",
    "read_daymet_table",
    "read_estimated_lai",
    "read_fapar_lai_table",
    "read_fluxnet",
    "read_fluxnet_daily",
    "read_forest_daily",
    "read_forest_months",
    "read_grassland_months",
    "read_lai_block",
    "read_modis_fapar",
    "read_modis_lai",
    "read_normals",
    "read_sipnet_forcing",
    "read_sipnet_observations",
    "read_site",
    "read_site_list",
    "read_soil_texture",
    "read_station",
    "read_tower",
    "read_tower_heat",
    "read_trendy_co2",
    "read_tropomi_sif",
    "shortwave_of",
    "site_observations",
    "synthetic_block",
    "usual_wind",
    "vapour_pressure_deficit_of",
    "with_drivers",
    "with_estimated_shortwave",
    "write_checksums",
    "write_normals",
]
