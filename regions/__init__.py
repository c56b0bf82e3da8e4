"""Regions: gridded products of weather, soil, land cover and vegetation as one cube.

Each reader takes a provider's files to the 0.05 degree model grid; the catalogue
says which files there are; the cube holds what the model and its calibration need,
pixel by pixel.
"""

from regions.grid import Cells, Grid

__all__ = ["Cells", "Grid"]
