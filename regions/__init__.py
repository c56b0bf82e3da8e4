"""Regions: gridded products of weather, soil, land cover and vegetation as one cube.

Each reader takes a provider's files to the 0.05 degree model grid; the catalogue
says which files there are; the cube holds what the model and its calibration need,
pixel by pixel.

.. code-block:: python

    grid = regions.Grid.from_bounds(-80.0, 36.0, -70.0, 45.0)
    catalogue = regions.read_catalogue("catalogue.yaml")
    source = regions.ProductSource(catalogue, grid, (2000, 2019))
    cube = regions.build_cube("eastern_us.zarr", source, workers=8)
    pixel = cube.pixel(int(cube.cells.ids[0]))
    run = ibis_dalec.simulate(pixel.forcing)
"""

from regions.build import build_cube
from regions.catalogue import Catalogue, read_catalogue
from regions.check import CubeReport, check_cube
from regions.cube import Cube, PixelData, open_cube
from regions.files import write_checksums
from regions.grid import Cells, Grid, cell_at
from regions.products import ProductSource
from regions.source_report import SourceReport, check_sources
from regions.synthetic import SyntheticSource, synthetic_block

__all__ = [
    "Catalogue",
    "Cells",
    "Cube",
    "CubeReport",
    "Grid",
    "PixelData",
    "ProductSource",
    "SourceReport",
    "SyntheticSource",
    "build_cube",
    "cell_at",
    "check_cube",
    "check_sources",
    "open_cube",
    "read_catalogue",
    "synthetic_block",
    "write_checksums",
]
