"""Regions: gridded products of weather, soil, land cover and vegetation as one cube.

Each reader takes a provider's files to the 0.05 degree model grid; the catalogue
says which files there are; the cube holds what the model and its calibration need,
pixel by pixel.
"""

from regions.build import build_cube
from regions.cube import Cube, PixelData, open_cube
from regions.grid import Cells, Grid, cell_at
from regions.synthetic import SyntheticSource

__all__ = [
    "Cells",
    "Cube",
    "Grid",
    "PixelData",
    "SyntheticSource",
    "build_cube",
    "cell_at",
    "open_cube",
]
